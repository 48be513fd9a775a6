#!/usr/bin/env node
/** The command `latchkey`: which commands there are, and how it ends when the command line itself is wrong. */
import { enableCompileCache } from 'node:module';
import { Command, CommanderError } from 'commander';
import { EXIT } from './terminal/fault.ts';
import { clean } from './terminal/output.ts';
import { version } from './version.ts';

// What loads from here on is compiled once for all runs.
enableCompileCache();

/** A command's own file is loaded when it is asked for: `--help` waits for no database driver. */
const COMMANDS: Readonly<Record<string, { description: string; load(): Promise<{ define(command: Command): void }> }>> =
  {
    init: {
      description:
        'Write passkeys into an Express, Koa or Fastify application: new files, and the lines that are left to add.',
      load: () => import('./commands/init.ts'),
    },
    migrate: {
      description: 'Make the tables, or bring them up to date. A second time it finds nothing to do.',
      load: () => import('./commands/migrate.ts'),
    },
    doctor: {
      description:
        'Look at a set-up from outside and say what is wrong and what to do: RP ID and origins, the site, the store, the clocks.',
      load: () => import('./commands/doctor.ts'),
    },
    readiness: {
      description:
        'Say whose passkeys could not meet a stricter policy, from the passkeys stored and the records of their sign-ins.',
      load: () => import('./commands/readiness.ts'),
    },
    attempts: {
      description: 'List, count, follow and explain the records of attempts, from a log file or from the store.',
      load: () => import('./commands/attempts.ts'),
    },
    passkeys: {
      description: 'Say which passkeys a user has, and how records name them.',
      load: () => import('./commands/passkeys.ts'),
    },
    users: {
      description: 'Show what a user has; disable, enable or remove passkeys, end sessions, forget the user. Recorded.',
      load: () => import('./commands/users.ts'),
    },
    purge: {
      description: 'Remove the records of attempts that have been kept long enough, from the store.',
      load: () => import('./commands/purge.ts'),
    },
    erase: {
      description: 'Take a person out of the records of attempts, in the store and in logs.',
      load: () => import('./commands/erase.ts'),
    },
    evidence: {
      description: 'Take single records out of a chained log as a file that proves itself, and verify such a file.',
      load: () => import('./commands/evidence.ts'),
    },
    verify: {
      description:
        'Check the hash chain of a log (@latchkey/audit): names the first record that was edited, removed, moved or cut off.',
      load: () => import('./commands/verify.ts'),
    },
    import: {
      description:
        'Move passkeys here from another system. As long as the RP ID stays, they keep working and nobody registers anew.',
      load: () => import('./commands/import.ts'),
    },
  };

// The reader may close the pipe before the end: `latchkey attempts list | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.unheard : EXIT.broken);
  });
}

const program = new Command('latchkey')
  .description('Latchkey, passkey sign-in for Node.js, on the command line.')
  .version(version)
  .exitOverride()
  // What stands behind the name of a command is that command's, also where the one above it has an option of that name.
  .enablePositionalOptions()
  .configureOutput({
    // Its lines are its own, but what they quote was typed or pasted.
    writeErr: (text) => void process.stderr.write(`${text.trimEnd().split('\n').map(clean).join('\n')}\n`),
  })
  .showHelpAfterError('--help says more.')
  .addHelpText(
    'after',
    `
Exit codes: 0 fine, 1 something was found, 2 wrong command line, 3 a store, site or file does not answer,
4 a fault of latchkey's own, 130 interrupted.
The store may be named once, by LATCHKEY_STORE. Colours only on a terminal, and not under NO_COLOR.`,
  );

// Set to nothing is not set.
if (process.env.LATCHKEY_STORE === '') delete process.env.LATCHKEY_STORE;

const args = process.argv.slice(2);
for (const [name, { description, load }] of Object.entries(COMMANDS)) {
  const command = program.command(name).description(description);
  if (args.includes(name)) (await load()).define(command);
}

try {
  await program.parseAsync();
} catch (error) {
  // Help that was asked for is no fault.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.fine : EXIT.usage;
}
