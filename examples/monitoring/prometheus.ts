/** A Prometheus of our own: found on this machine, started in a folder, asked, and stopped. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';

/** One answer of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface RuleState {
  readonly name: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  /** ISO 8601. */
  readonly lastEvaluation: string;
}

export interface Prometheus {
  readonly url: string;
  /** The answers now, or at that second since the epoch. Throws what Prometheus says of a wrong query. */
  query(expression: string, at?: number): Promise<Sample[]>;
  /** Pending and firing ones. */
  alerts(): Promise<Alert[]>;
  /** Every rule, and how its last evaluation went. */
  rules(): Promise<RuleState[]>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** Gets a folder for its data and its configuration. */
  readonly folder: string;
  readonly scrapeConfigs: readonly object[];
  /** Rules as YAML. */
  readonly rules?: string;
  /** How often it scrapes and evaluates rules. */
  readonly every: string;
}

const PATIENCE_MS = 30_000;

/** Prometheus or its companion: named by a variable, or on the PATH. Throws a sentence that says what to install. */
export function findProgram(name: 'prometheus' | 'promtool'): string {
  const variable = name.toUpperCase();
  const given = process.env[variable] || name;
  const folders = isAbsolute(given) ? [''] : (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const found = folders.map((folder) => join(folder, given)).find(isExecutable);
  if (found) return found;
  throw new Error(
    `${name} is missing: install Prometheus (Debian: \`apt-get install prometheus\`; macOS: \`brew install prometheus\`), or set ${variable}.`,
  );
}

/** Runs promtool in a folder and gives what it says. Throws that when it finds a fault. */
export async function promtool(args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(findProgram('promtool'), args, { cwd });
    return stdout + stderr;
  } catch (thrown) {
    const { stdout = '', stderr = '', message } = thrown as Error & { stdout?: string; stderr?: string };
    throw new Error(`${message}\n${stdout}${stderr}`);
  }
}

/** Starts Prometheus on a free port of this machine, and waits until it is ready. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const folder = join(options.folder, 'prometheus');
  await mkdir(folder, { recursive: true });
  const configuration = {
    global: { scrape_interval: options.every, scrape_timeout: options.every, evaluation_interval: options.every },
    rule_files: options.rules === undefined ? [] : ['rules.yml'],
    scrape_configs: options.scrapeConfigs,
  };
  await writeFile(join(folder, 'prometheus.yml'), stringify(configuration));
  await writeFile(join(folder, 'rules.yml'), options.rules ?? '');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log: string[] = [];
  const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`];
  const child = spawn(findProgram('prometheus'), [...args, '--log.level=warn'], { cwd: folder });
  child.stderr.setEncoding('utf8').on('data', (text) => log.push(text));
  try {
    await untilReady(url, child);
  } catch (thrown) {
    await end(child);
    throw new Error(`${(thrown as Error).message}\n${log.join('')}`);
  }

  async function ask<T>(path: string): Promise<T> {
    const reply = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: T; error?: string };
    if (reply.error) throw new Error(`${reply.error}: ${decodeURIComponent(path)}`);
    return reply.data;
  }

  return {
    url,
    async query(expression, at) {
      const when = at === undefined ? '' : `&time=${at}`;
      const path = `query?query=${encodeURIComponent(expression)}${when}`;
      const { result } = await ask<{ result: { metric: Sample['metric']; value: [number, string] }[] }>(path);
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    alerts: async () => (await ask<{ alerts: Alert[] }>('alerts')).alerts,
    async rules() {
      const { groups } = await ask<{ groups: { rules: RuleState[] }[] }>('rules');
      return groups.flatMap(({ rules }) => rules);
    },
    stop: () => end(child),
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    if (failed) throw failed;
    if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode} while it was starting.`);
    const reply = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (reply?.ok) return;
    await wait(50);
  }
  throw new Error('Prometheus was started and does not answer.');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill();
  await once(child, 'exit');
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
