export {};
// main.ts
import { expressPasskeys } from '@latchkey/express';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { PASSKEYS, PasskeysModule } from './passkeys.ts';

const app = await NestFactory.create<NestExpressApplication>(PasskeysModule);
const { routes, wellKnown } = expressPasskeys(app.get(PASSKEYS));
app.use(routes()); // below /passkeys
app.use(wellKnown());
await app.listen(3000, 'localhost');