/** A Nest application with passkeys. `PLATFORM=fastify` runs it on Fastify; without it, it is Express. */
import 'reflect-metadata';
import type { User } from '@latchkey/core';
import { Controller, Delete, Get, Header, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CurrentUser, mountOnExpress, mountOnFastify, PasskeysModule, SignedIn, SteppedUp } from './passkeys.ts';

const page = `<!doctype html><title>Latchkey on Nest</title><body><input placeholder="Name" autocomplete="username">
<button>Sign up</button> <button>Sign in</button> <button>Sign out</button> <p role="status"></p><script type="module">
  import { createPasskeyClient } from '/passkeys/client.js';
  const passkeys = createPasskeyClient();
  passkeys.prepare();
  const [username, signUp, signIn, signOut, status] = document.body.children;
  const show = async ({ kind }) => status.replaceChildren(kind, ': ', await (await fetch('/me')).text());
  signUp.onclick = async () => show(await passkeys.signUp({ username: username.value }));
  signIn.onclick = async () => show(await passkeys.signIn());
  signOut.onclick = async () => show(await passkeys.signOut());
</script>`;

@Controller()
class Pages {
  @Get()
  @Header('content-type', 'text/html')
  home() {
    return page;
  }

  @Get('me')
  @SignedIn()
  me(@CurrentUser() { id, name }: User) {
    return { id, name };
  }

  @Delete('me')
  @SteppedUp({ within: '5m', action: 'close the account' })
  close(@CurrentUser() { name }: User) {
    return { closed: name };
  }
}

@Module({ imports: [PasskeysModule], controllers: [Pages] })
class Application {}

const port = Number(process.env.PORT ?? 3000);
const logger = ['error', 'warn'] as const;
if (process.env.PLATFORM === 'fastify') {
  const app = await NestFactory.create<NestFastifyApplication>(Application, new FastifyAdapter(), {
    logger: [...logger],
  });
  await mountOnFastify(app);
  await app.listen(port, 'localhost');
} else {
  const app = await NestFactory.create<NestExpressApplication>(Application, new ExpressAdapter(), {
    logger: [...logger],
  });
  mountOnExpress(app);
  await app.listen(port, 'localhost');
}
console.log(`listening on http://localhost:${port}`);
