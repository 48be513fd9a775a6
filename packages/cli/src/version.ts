/** The version of this program. In a file beside `main.ts`, as both are found from one place in sources and in `dist`. */
import { createRequire } from 'node:module';

export const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
