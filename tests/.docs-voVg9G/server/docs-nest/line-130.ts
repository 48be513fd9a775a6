export {};
import type { User } from '@latchkey/core';
import { Controller, Get } from '@nestjs/common';
import { CurrentUser, SignedIn } from './guards.ts';

@Controller()
export class MeController {
  @Get('me')
  @SignedIn({ within: '1h' })
  me(@CurrentUser() { id, name }: User) {
    return { id, name };
  }
}