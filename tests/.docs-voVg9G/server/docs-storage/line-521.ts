export {};
import { test } from 'node:test';
import {
  attemptStoreContract,
  challengeStoreContract,
  passkeyStoreContract,
  sessionStoreContract,
  signInStoreContract,
} from '@latchkey/testing';
import { journalStore } from './store-of-your-own.ts';

const { challenges, passkeys, sessions, attempts } = journalStore('test.journal');
for (const { name, check } of challengeStoreContract) test(name, () => check(challenges));
for (const { name, check } of passkeyStoreContract) test(name, () => check(passkeys));
for (const { name, check } of sessionStoreContract) test(name, () => check(sessions));
// Only for a store whose passkeys name `sessions`: it begins a session in the same step as it records the use.
for (const { name, check } of signInStoreContract) test(name, () => check(Object.assign(passkeys, { sessions })));
for (const { name, check } of attemptStoreContract) test(name, () => check(attempts));