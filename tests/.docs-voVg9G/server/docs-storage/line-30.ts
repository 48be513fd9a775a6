export {};
import { memoryStore } from '@latchkey/core';

export const store = memoryStore();