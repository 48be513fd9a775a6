export {};
import { fileSink } from '@latchkey/audit';

const log = fileSink({ path: '/var/log/app/sign-ins.log', fsync: 'always', onFailure: 'fail_closed' });