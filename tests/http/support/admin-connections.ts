/**
 * Why this file exists: a test's own way into the server that a site keeps its state on, beside the site's: to hold up what
 * the site asks for, and to end its connections in the middle of it.
 */
import { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { Client } from 'pg';

export interface Hand {
  /** From now on nothing that the site asks for is done. */
  hold(): Promise<unknown>;
  /** How many of the site's requests wait for that to end. */
  held(): Promise<number>;
  /** What waited is done, also where nobody waits for its answer any more. */
  release(): Promise<unknown>;
  /** Ends every connection but its own. */
  cut(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** `table` is one that every ceremony needs. */
export async function postgresHand(url: string, table: string): Promise<Hand> {
  const client = new Client(url);
  client.on('error', () => {});
  await client.connect();
  return {
    hold: () => client.query(`begin; lock table ${table} in access exclusive mode`),
    held: async () => Number((await client.query('select count(*) from pg_locks where not granted')).rows[0].count),
    release: () => client.query('rollback'),
    cut: () =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      ),
    close: () => client.end(),
  };
}

export async function mariadbHand(url: string, table: string): Promise<Hand> {
  const connection = await createConnection(url);
  connection.on('error', () => {});
  const others = async (condition: string) => {
    const [rows] = await connection.query<RowDataPacket[]>(
      `select id from information_schema.processlist where id <> connection_id() and user = 'root' and ${condition}`,
    );
    return rows.map(({ id }) => Number(id));
  };
  return {
    hold: () => connection.query(`lock tables ${table} write`),
    held: async () => (await others("state like 'Waiting for table%'")).length,
    release: () => connection.query('unlock tables'),
    async cut() {
      for (const id of await others('true')) await connection.query(`kill ${id}`);
    },
    close: () => connection.end(),
  };
}

export async function redisHand(url: string): Promise<Hand> {
  const redis = new Redis(url);
  redis.on('error', () => {});
  await redis.ping();
  return {
    hold: () => redis.call('CLIENT', 'PAUSE', '60000', 'WRITE'),
    held: async () => ((await redis.client('LIST')) as string).match(/ flags=b /g)?.length ?? 0,
    release: () => redis.client('UNPAUSE'),
    cut: () => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
    close: async () => redis.disconnect(),
  };
}
