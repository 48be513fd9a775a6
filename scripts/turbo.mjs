// `npm run build` and `npm run types`: turbo looks for pnpm on the PATH, and a contributor needs only npm.
import { install, isInstalled, turbo } from './workspace.mjs';

process.exitCode = (isInstalled() ? 0 : await install()) || (await turbo(...process.argv.slice(2)));
