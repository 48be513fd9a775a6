/**
 * Loaded first (`--import`) into a program that a test ends by a signal: what it compiled is kept for the next one all the same.
 * Node.js itself writes it (to NODE_COMPILE_CACHE) only when a program ends by itself.
 */
import { flushCompileCache } from 'node:module';

setTimeout(flushCompileCache, 1_500).unref();
