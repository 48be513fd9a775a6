/** `latchkey doctor`: looks at a set-up from outside, as a browser and as a database client, and says what is wrong and what to do. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { about, type Finding, type Severity } from '../checks/finding.ts';
import { checkRpId } from '../checks/rp-id.ts';
import type { Site } from '../checks/site/ask.ts';
import { checkAssociations, readAndroidApp } from '../checks/site/associations.ts';
import { checkOptions } from '../checks/site/options.ts';
import { checkPage } from '../checks/site/page.ts';
import { checkProxy } from '../checks/site/proxy.ts';
import { checkWellKnown } from '../checks/site/well-known.ts';
import { checkStore } from '../checks/store.ts';
import { openStore } from '../connection.ts';
import {
  type Context,
  collected,
  examples,
  jsonOption,
  runs,
  type StoreOptions,
  storeOptions,
} from '../terminal/command.ts';
import { type ExitName, Fault, messageOf } from '../terminal/fault.ts';
import { bad, dim, good, type Output, warning } from '../terminal/output.ts';
import { withoutPasswords } from '../terminal/secrets.ts';
import { version } from '../version.ts';

export interface DoctorOptions extends StoreOptions {
  readonly site?: string;
  readonly mount: string;
  readonly page: string;
  readonly rpId?: string;
  readonly origin?: readonly string[];
  readonly relatedOrigin?: readonly string[];
  readonly androidApp?: readonly string[];
  readonly appleApp?: readonly string[];
  readonly telemetry?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

export function define(command: Command): void {
  command
    .option('--site <origin>', 'the site, as its pages name it: https://example.com')
    .option('--mount <path>', 'where Latchkey is mounted', '/passkeys')
    .option('--page <path>', 'a page that signs people in, for its policies', '/')
    .option('--rp-id <domain>', 'rp.id; without it, what the site says')
    .option('--origin <origin>', 'one of rp.origins; once for each', collected)
    .option('--related-origin <origin>', 'one of rp.relatedOrigins; once for each', collected)
    .option(
      '--android-app <package=sha256>',
      'one of rp.apps: com.example.app=F6:97:…; once for each certificate',
      collected,
    )
    .option('--apple-app <id>', 'one of rp.apps: A1B2C3D4E5.com.example.app; once for each', collected)
    .option(
      '--telemetry <file>',
      'the module that starts your OpenTelemetry SDK: it is loaded, and what it would lose is said',
    )
    .option('--strict', 'count warnings as errors');
  jsonOption(storeOptions(command, 'the store'), 'one JSON document: { findings, worst }').action(runs(run));
  command.addHelpText(
    'after',
    `
With --site and --store together one request is sent that is refused, to see in its record whose address the application
believes. That record, reason challenge_missing, is all that a visit leaves. Exit code 1: an error was found.`,
  );
  examples(command, {
    'Before going live': 'latchkey doctor --site https://example.com --page /sign-in --store postgres://app@db/app',
    'An RP ID against its origins, without any network':
      'latchkey doctor --rp-id example.com --origin https://app.example.com --related-origin https://example.de',
    'In a deployment, for a program': 'latchkey doctor --store redis://redis:6379 --strict --json',
  });
}

async function run(options: DoctorOptions, context: Context): Promise<ExitName> {
  if ([options.site, options.rpId, options.store, options.telemetry].every((given) => given === undefined))
    throw new Fault('usage', 'Say what to look at: --site, --rp-id, --store or --telemetry.');
  const { findings, worst, exit } = await examine(options, context);
  context.out.document({ findings, worst });
  for (const finding of findings) show(finding, context.out);
  return exit;
}

/** What was found, the worst of it, and how the command ends. */
export interface Examined {
  readonly findings: readonly Finding[];
  readonly worst: Severity;
  readonly exit: ExitName;
}

/** Looks at what the options name. */
export async function examine(options: DoctorOptions, { out, signal }: Context): Promise<Examined> {
  const findings: Finding[] = [];
  let unreachable = false;
  /** Runs checks; whatever does not answer is a finding, and the others go on. */
  const look = async (check: string, work: () => Promise<readonly Finding[]>) => {
    out.note(dim(`Checking the ${check} …`));
    try {
      findings.push(...(await work()));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Fault && error.exit === 'usage') throw error;
      unreachable = true;
      findings.push(
        about(check).error(withoutPasswords(messageOf(error)), 'Is it running, and may this machine reach it?'),
      );
    }
  };

  const { rpId, origin: origins = [], relatedOrigin: related = [] } = options;
  const apps = { android: (options.androidApp ?? []).map(readAndroidApp), apple: options.appleApp ?? [] };
  const connection =
    options.store === undefined ? null : await openStore(options.store, options).catch((error: unknown) => error);
  try {
    if (options.site !== undefined) {
      const site = readSite(options, options.site, signal);
      let told: string | null = null;
      await look('site', () => checkPage(site));
      if (!unreachable) {
        await look('options', async () => {
          const checked = await checkOptions(site, rpId);
          told = checked.rpId;
          return checked.findings;
        });
        const known = told ?? rpId;
        if (known !== undefined) {
          await look('well_known', () => checkWellKnown(site, known, [site.origin, ...origins, ...related]));
          await look('associations', () => checkAssociations(site, known, apps));
        }
      }
      const known = rpId ?? told;
      if (known !== null) findings.push(...checkRpId(known, [...new Set([site.origin, ...origins])], related));
      if (told !== null && isOpen(connection))
        await look('proxy', async () => [await checkProxy(site, connection.store.attempts)]);
    } else if (rpId !== undefined) findings.push(...checkRpId(rpId, origins, related));
    if (connection !== null) {
      await look('store', async () => {
        if (!isOpen(connection)) throw connection;
        return checkStore(connection);
      });
    }
  } finally {
    if (isOpen(connection)) await connection.close();
  }
  if (options.telemetry !== undefined) findings.push(...(await checkSdk(options.telemetry)));

  const order: readonly Severity[] = ['ok', 'info', 'warning', 'error'];
  const worst = order.findLast((severity) => findings.some((finding) => finding.severity === severity)) ?? 'ok';
  const found = worst === 'error' || (worst === 'warning' && options.strict === true);
  return { findings, worst, exit: unreachable ? 'unreachable' : found ? 'findings' : 'fine' };
}

/** Starts the application's SDK in this process, and asks core what records it would lose. */
async function checkSdk(file: string): Promise<readonly Finding[]> {
  const { ok, info, warning } = about('telemetry');
  try {
    await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    throw new Fault('usage', `--telemetry ${file} cannot be loaded: ${messageOf(error)}`, error);
  }
  // Core is much to load for what is seldom asked.
  const { checkTelemetry } = await import('@latchkey/core');
  const lost = checkTelemetry().map(({ severity, saw, todo }) => (severity === 'warning' ? warning : info)(saw, todo));
  return lost.length > 0 ? lost : [ok(`With ${file} no record is lost`)];
}

type Opened = Awaited<ReturnType<typeof openStore>>;
const isOpen = (connection: unknown): connection is Opened =>
  typeof connection === 'object' && connection !== null && 'store' in connection;

function readSite({ mount, page }: DoctorOptions, given: string, signal: AbortSignal): Site {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Fault('usage', '--site is an origin: https://example.com');
  if (!mount.startsWith('/')) throw new Fault('usage', '--mount begins with a slash: /passkeys');
  return { origin: url.origin, mount: mount.replace(/\/$/, ''), page, userAgent: `latchkey-doctor/${version}`, signal };
}

const LABELS = { ok: good('ok'), info: dim('info'), warning: warning('warning'), error: bad('error') } as const;

/** A finding in two lines: what was seen, and what to do. */
export function show({ check, severity, saw, todo }: Finding, out: Output): void {
  out.line(LABELS[severity], ' '.repeat(9 - severity.length), `${check}: ${saw}`);
  if (todo !== null) out.line('         ', dim(todo));
}
