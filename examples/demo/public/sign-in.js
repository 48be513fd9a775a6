// @ts-check
// The sign-in page: the form of <latchkey-sign-in> from the start. It says why a person was sent here.
import { element } from './ceremony.js';
import { greet, rememberSignIn } from './words.js';

greet(element('#said'));
rememberSignIn();
