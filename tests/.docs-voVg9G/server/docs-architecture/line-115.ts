export {};
import { subscribe } from 'node:diagnostics_channel';
import { type AttemptRecord, explain } from '@latchkey/core';

subscribe('latchkey.attempt', (record) => console.log(explain(record as AttemptRecord)));