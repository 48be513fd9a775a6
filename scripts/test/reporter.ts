// What `npm test` prints of a run, and what it counts. A file that passes prints nothing; a test that fails is printed when it
// fails, with what it wrote to the console. On a terminal one line moves; elsewhere a line comes every half minute. vitest's own
// JSON report leaves out errors outside of tests and of hooks in a describe; here everything that went wrong counts, and so
// does everything that did not run.
import { writeFileSync } from 'node:fs';
import { env, stdout } from 'node:process';
import type { Reporter, SerializedError, TestCase, TestModule, TestSpecification } from 'vitest/node';
import { progress } from './progress.ts';

export interface Tally {
  passed: number;
  failed: number;
  /** The names of the tests that failed. */
  readonly failures: string[];
  readonly notRun: string[];
  /** Files, groups and the rest, in which something failed that is no test. */
  readonly broken: string[];
}

const SLOWEST = 12;

export default class QuietReporter implements Reporter {
  readonly #files = { all: 0, done: 0 };
  readonly #tests = { passed: 0, failed: 0 };
  /** What a file wrote to the console since its last test ended. */
  readonly #written = new Map<string, string>();
  readonly #running = new Set<string>();
  readonly #progress = progress(() => this.#status());

  onTestRunStart(specifications: readonly TestSpecification[]) {
    this.#files.all = specifications.length;
  }

  onTestModuleStart({ relativeModuleId }: TestModule) {
    this.#running.add(relativeModuleId);
  }

  onUserConsoleLog({ content, taskId }: { content: string; taskId?: string }) {
    const key = taskId ?? '';
    this.#written.set(key, (this.#written.get(key) ?? '') + content);
  }

  onTestCaseResult(test: TestCase) {
    const { state, errors } = test.result();
    if (state === 'passed') this.#tests.passed += 1;
    if (state === 'failed') {
      this.#tests.failed += 1;
      this.#print(nameOf(test), errors ?? [], this.#written.get(test.id));
    }
    this.#written.delete(test.id);
  }

  onTestModuleEnd(module: TestModule) {
    this.#files.done += 1;
    this.#running.delete(module.relativeModuleId);
    if (module.errors().length > 0) this.#print(module.relativeModuleId, module.errors(), this.#written.get(module.id));
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) this.#print(nameOf(suite), suite.errors(), this.#written.get(suite.id));
    }
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]) {
    this.#progress.end();
    if (unhandledErrors.length > 0) this.#print('an error outside of any test', unhandledErrors, undefined);
    if (modules.length > SLOWEST) stdout.write(`${slowest(modules)}\n`);
    if (env.LATCHKEY_TALLY) writeFileSync(env.LATCHKEY_TALLY, JSON.stringify(tallyOf(modules, unhandledErrors)));
  }

  #status(): string {
    const { all, done } = this.#files;
    return `${done} of ${all} files, ${this.#tests.passed} passed, ${this.#tests.failed} failed, now ${[...this.#running].join(', ')}`;
  }

  #print(name: string, errors: readonly SerializedError[], written: string | undefined) {
    const parts = [`\nFAILED: ${name}`, ...errors.map(wordsOf)];
    if (written) parts.push(`It wrote:\n${written.trimEnd()}`);
    this.#progress.print(`${parts.join('\n')}\n\n`);
  }
}

function tallyOf(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Tally {
  const broken = unhandledErrors.map(() => 'an error outside of any test');
  const tally: Tally = { passed: 0, failed: 0, failures: [], notRun: [], broken };
  for (const module of modules) {
    const unfinished = module.state() === 'pending' || module.state() === 'queued';
    if (unfinished || module.errors().length > 0) broken.push(module.relativeModuleId);
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) broken.push(nameOf(suite));
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed' || state === 'failed') tally[state] += 1;
      else tally.notRun.push(nameOf(test));
      if (state === 'failed') tally.failures.push(nameOf(test));
    }
  }
  return tally;
}

const nameOf = ({ module, fullName }: Pick<TestCase, 'module' | 'fullName'>) =>
  `${module.relativeModuleId} > ${fullName}`;

/** The error, what was expected, and where: without the lines of the test runner. */
function wordsOf({ name, message, stack, diff, cause }: SerializedError): string {
  const frames = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line) && !line.includes('node_modules'));
  const because = cause ? `caused by ${cause.name}: ${cause.message}` : '';
  return [`${name}: ${message}`, diff ?? '', because, ...frames.slice(0, 8)].filter((line) => line !== '').join('\n');
}

function slowest(modules: readonly TestModule[]): string {
  const timed = modules.map((module) => ({
    file: module.relativeModuleId,
    seconds: module.diagnostic().duration / 1_000,
  }));
  const [...first] = timed.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  return `test: the slowest files: ${first.map(({ file, seconds }) => `${file} ${seconds.toFixed(0)} s`).join(', ')}`;
}
