/** Mutants of the browser client. They run in Chromium, in a client.js that is built with the mutant in it. */
import type { Mutant } from '../mutate.ts';

/** Noticed by tests of one file of tests/browser, of which `named` is enough. */
const by = (test: string, file: string, find: string, replace: string, named: string): Mutant => ({
  file: `packages/browser/src/${file}`,
  find,
  replace,
  tests: [`tests/browser/${test}.test.ts`],
  named,
});

export const BROWSER_MUTANTS: readonly Mutant[] = [
  // --- one sheet ---
  by('sign-in', 'ceremony.ts', "if (page.busy) return { kind: 'busy' };", '', 'is busy on a second click'),
  by(
    'sign-in',
    'sign-in.ts',
    'getPasskey(issued, uiMode ? { uiMode, ...passwordToo } : { signal })',
    'getPasskey(issued, { signal })',
    'passes uiMode and no signal for immediate',
  ),
  by(
    'sign-in',
    'sign-in.ts',
    "if (mode === 'immediate' && !immediateGet) return { kind: 'unsupported' };",
    '',
    'takes the full sheet where the browser has no Immediate UI mode',
  ),
  by(
    'sign-in',
    'sign-in.ts',
    "if (issued.mode === 'conditional') throw new DOMException('', 'NotSupportedError');",
    '',
    'opens no sheet when the server allows autofill only',
  ),
  by('autofill', 'ceremony.ts', 'giveWay();\n  return withDeadline', 'return withDeadline', 'gives way to a click'),
  by(
    'extensions',
    'waiting.ts',
    "signal.addEventListener('abort', () => reject(signal.reason));",
    '',
    'an extension that heeds no AbortSignal > does not hold back the next challenge',
  ),
  by(
    'sign-in',
    'page.ts',
    'const sent = page.lastOptions.then(send);',
    'const sent = send();',
    'sends options requests one after another',
  ),
  // --- what the server is told ---
  by(
    'sign-in',
    'ceremony.ts',
    'if (!untouched?.aborted) server.report(issued, { errorName: failure.name, client });',
    '',
    'is unavailable within a second',
  ),
  by(
    'autofill',
    'ceremony.ts',
    'if (!untouched?.aborted) server.report(',
    'if (true) server.report(',
    'renews its challenge before it expires and reports nothing',
  ),
  by(
    'sign-in',
    'sign-in.ts',
    "{ ended: 'password', client }",
    "{ ended: 'password', client, password: credential.password }",
    'hands a stored password',
  ),
  by(
    'prepare',
    'sign-in.ts',
    'if (issued.prepared) server.report(issued, { begun: true, client });',
    '',
    'fetches options before the click',
  ),
  by(
    'sign-in',
    'sign-in.ts',
    "const client: ClientReport = { uiMode: uiMode ?? 'none', immediateGet };",
    "const client: ClientReport = { uiMode: 'immediate', immediateGet };",
    'takes the full sheet where the browser has no Immediate UI mode',
  ),
  by(
    'extensions',
    'credential.ts',
    "clientExtensionResults: typeof rk === 'boolean' ? { credProps: { rk } } : {},",
    'clientExtensionResults: extensions as never,',
    'sends what the browser says of the authenticator',
  ),
  by(
    'registration',
    'registration.ts',
    "result.kind === 'refused' && notStored.test(result.code)",
    "result.kind === 'refused'",
    'keeps the new passkey',
  ),
  // --- options fetched before the click ---
  by('prepare', 'prepared.ts', 'Date.now() <= answer.freshUntil &&', '', 'serves no click after the device slept'),
  by(
    'prepare',
    'prepared.ts',
    'if (there?.wanted === key) {',
    'if (there) {',
    'serves no click that asks for something else|lets a click for another name',
  ),
  by(
    'prepare',
    'prepared.ts',
    'kept.delete(purpose);\n          return',
    'return',
    'serves one click; the next fetches its own',
  ),
  // --- what answers ---
  by('sign-in', 'server.ts', "redirect: 'manual'", "redirect: 'follow'", 'follows no redirect'),
  by('sign-in', 'server.ts', '(!expected || answer[expected])', 'true', 'is refused with unknown_answer'),
  by('environment', 'return-to.ts', " && !pathname.startsWith('//')", '', 'gives a path of this site, or nothing'),
];
