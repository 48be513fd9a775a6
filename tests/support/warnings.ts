/**
 * A test file fails when Node.js warns of something in it: a leak of listeners, something deprecated, a promise that nobody
 * caught. What is expected is named here, with its reason.
 */
import { setImmediate } from 'node:timers/promises';
import { afterAll } from 'vitest';

const EXPECTED: readonly RegExp[] = [
  // ML-DSA is what passkeys will be signed with; Node.js has it since 24.7, and calls it experimental.
  /^ExperimentalWarning: The ML-DSA-(44|65|87) Web Crypto API algorithm is an experimental feature/,
  /^ExperimentalWarning: The supports Web Crypto API method is an experimental feature/,
];

const warnings: string[] = [];
const listen = ({ name, message, stack }: Error) => {
  const words = `${name}: ${message}`;
  const frames = (stack ?? words).split('\n').filter((line) => !line.includes('node_modules'));
  if (!EXPECTED.some((expected) => expected.test(words))) warnings.push(frames.join('\n'));
};

// Node.js prints warnings by a listener of its own.
process.removeAllListeners('warning');
process.on('warning', listen);

afterAll(async () => {
  // A warning is emitted after the code that caused it.
  await setImmediate();
  process.off('warning', listen);
  if (warnings.length > 0) throw new Error(`Node.js warned:\n${warnings.splice(0).join('\n')}`);
});
