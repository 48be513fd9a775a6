// @ts-check
// The home page: <latchkey-sign-in> does all of it. This keeps which attempt it was, for the account page.
import { element } from './ceremony.js';
import { greet, rememberSignIn } from './words.js';

greet(element('#said'));
rememberSignIn();
