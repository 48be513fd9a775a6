export {};
import { memoryStore } from '@latchkey/core';
memoryStore('x');