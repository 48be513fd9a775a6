// Hooks without a look: what happens is state, what can be done is a function. The look is the application's, or the elements'.

export { type OwnPasskeys, usePasskeys } from './use-passkeys.ts';
export { type SigningIn, type UseSignInOptions, useSignIn } from './use-sign-in.ts';
