export {};
import { passkeys } from 'given';
await passkeys
  .forUser('4711')
  .removeAll({ by: 'operator', reason: 'Phone lost, ticket 815, identity checked by call-back' });