export {};
// audit.ts
import { fileSink, queued } from '@latchkey/audit';

export const log = queued(
  fileSink({
    path: '/var/log/app/sign-ins.log',
    fsync: 'interval', // 'always': each record is on the disk before it counts as written
    maxBytes: 100_000_000,
    keep: 30, // leave it out to keep all
  }),
  {
    onNotice: ({ message }) => console.error(message), // it fails; it works again
    onLoss: (record, reason) => console.error('audit record lost', record.event.id, reason),
  },
);