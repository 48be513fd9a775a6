export {};
import { rp, users, store } from 'given';
import { queued, webhook } from '@latchkey/audit';
import { createPasskeys } from '@latchkey/core';

const hook = queued(webhook({ url: 'https://example.com/hooks', secret: process.env.WEBHOOK_SECRET! })); // whsec_ and 32 bytes in base64
createPasskeys({ rp, users, store, audit: { sinks: [hook] } });