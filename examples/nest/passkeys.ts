/** Passkeys in Nest, on Express and on Fastify: the provider, the guards `@SignedIn()` and `@SteppedUp()`, and `@CurrentUser()`. */
import { createPasskeys, memoryStore, type Passkeys, type SignInRule, type StepUpRule } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Global,
  Inject,
  Injectable,
  Module,
  UseGuards,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Request, RequestHandler, Response } from 'express';
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { Accounts, AccountsModule } from './accounts.ts';

const PASSKEYS = Symbol('passkeys');
const port = Number(process.env.PORT ?? 3000);

@Global()
@Module({
  imports: [AccountsModule],
  providers: [
    {
      provide: PASSKEYS,
      inject: [Accounts],
      useFactory: (accounts: Accounts) =>
        createPasskeys({
          rp: { id: 'localhost', name: 'Latchkey on Nest', origins: [`http://localhost:${port}`] },
          store: memoryStore(),
          users: { find: (id) => accounts.byId(id), create: ({ name }) => accounts.open(name) },
        }),
    },
  ],
  exports: [PASSKEYS],
})
export class PasskeysModule {}

/** The routes, after what sets your own session and before a csrf middleware. */
export const mountOnExpress = (app: NestExpressApplication): void => {
  const { routes, wellKnown } = expressPasskeys(app.get<Passkeys>(PASSKEYS));
  app.use(routes());
  app.use(wellKnown());
};

export const mountOnFastify = async (app: NestFastifyApplication): Promise<void> => {
  await app.register(fastifyPasskeys(app.get<Passkeys>(PASSKEYS)));
};

interface Guards {
  readonly express: (adapter: ReturnType<typeof expressPasskeys>) => RequestHandler;
  readonly fastify: (app: FastifyRequest['server']) => preHandlerAsyncHookHandler;
}

/** A guard of Nest's around one of the adapter's: where that one has answered, Nest finds nothing left to say. */
function guardBy(guards: Guards) {
  @Injectable()
  class PasskeyGuard implements CanActivate {
    @Inject(PASSKEYS) private readonly passkeys!: Passkeys;

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const http = context.switchToHttp();
      const request = http.getRequest<Request | FastifyRequest>();
      if ('server' in request) {
        const reply = http.getResponse<FastifyReply>();
        await guards.fastify(request.server).call(request.server, request, reply);
        return !reply.sent;
      }
      let passed = false;
      await guards.express(expressPasskeys(this.passkeys))(request, http.getResponse<Response>(), (error?: unknown) => {
        if (error) throw error;
        passed = true;
      });
      return passed;
    }
  }
  return PasskeyGuard;
}

/** Lets signed-in people pass: for a handler or a whole controller. */
export const SignedIn = (rule?: SignInRule) =>
  UseGuards(
    guardBy({
      express: ({ requireSignIn }) => requireSignIn(rule),
      fastify: (app) => app.requireSignIn(rule),
    }),
  );

/** Lets people pass who confirmed with their passkey just now. */
export const SteppedUp = (rule: StepUpRule) =>
  UseGuards(
    guardBy({
      express: ({ requireStepUp }) => requireStepUp(rule),
      fastify: (app) => app.requireStepUp(rule),
    }),
  );

/** A parameter of a handler behind one of these guards: the person who is signed in. */
export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) => {
  return context.switchToHttp().getRequest<Request | FastifyRequest>().passkeySession.user;
});
