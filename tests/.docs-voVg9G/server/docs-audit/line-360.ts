export {};
import { rp, users, store } from 'given';
import { fileSink, mapped, queued, toEcs, toOcsf } from '@latchkey/audit';
import { createPasskeys } from '@latchkey/core';
import { log } from './audit.ts';

const forElastic = queued(mapped(fileSink({ path: 'ecs.log', name: 'ecs', fsync: 'never' }), toEcs));
const forTheLake = queued(mapped(fileSink({ path: 'ocsf.log', name: 'ocsf', fsync: 'never' }), toOcsf));
createPasskeys({ rp, users, store, audit: { sinks: [log, forElastic, forTheLake] } });