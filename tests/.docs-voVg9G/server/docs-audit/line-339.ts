export {};
import { eraseUser } from '@latchkey/audit';

const { erased, left, openIn } = await eraseUser({ path: '/var/log/app/sign-ins.log', userId: '4711' });
console.log({ erased, left, openIn });