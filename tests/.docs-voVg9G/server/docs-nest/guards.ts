export {};
// guards.ts
import type { Passkeys, SignInRule } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  UseGuards,
} from '@nestjs/common';
import { PASSKEYS } from './passkeys.ts';

function guardOf(rule?: SignInRule) {
  @Injectable()
  class PasskeyGuard implements CanActivate {
    @Inject(PASSKEYS) private readonly passkeys!: Passkeys;

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const http = context.switchToHttp();
      let passed = false;
      await expressPasskeys(this.passkeys).requireSignIn(rule)(
        http.getRequest(),
        http.getResponse(),
        (error?: unknown) => {
          if (error) throw error;
          passed = true;
        },
      );
      return passed;
    }
  }
  return PasskeyGuard;
}

/** Lets signed-in people pass: for a handler or a whole controller. */
export const SignedIn = (rule?: SignInRule) => UseGuards(guardOf(rule));

/** A parameter of a handler behind `@SignedIn()`: the person who is signed in. */
export const CurrentUser = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest().passkeySession.user,
);