// A vitest reporter that writes down what `npm test` sums up. vitest's own JSON report leaves out errors outside of tests
// and of hooks in a describe; here everything that went wrong counts, and so does everything that did not run.
import { writeFileSync } from 'node:fs';
import { env } from 'node:process';

/** @typedef {{ passed: number, failed: number, notRun: string[], broken: string[] }} Tally */

export default class TallyReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {Tally} */
    const tally = {
      passed: 0,
      failed: 0,
      notRun: [],
      broken: unhandledErrors.map(() => 'an error outside of any test'),
    };
    for (const module of modules) {
      const unfinished = module.state() === 'pending' || module.state() === 'queued';
      if (unfinished || module.errors().length > 0) tally.broken.push(module.relativeModuleId);
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) tally.broken.push(`${module.relativeModuleId} > ${suite.fullName}`);
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed') tally[state] += 1;
        else tally.notRun.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
    }
    if (env.LATCHKEY_TALLY) writeFileSync(env.LATCHKEY_TALLY, JSON.stringify(tally));
  }
}
