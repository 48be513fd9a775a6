/** A site whose records are checked against the schema, with the lines that its operators read kept beside it. */
import { memoryStore, type Store } from '@latchkey/core';
import { type Mount, openSite, type Site, type SiteOptions } from '@latchkey/testing';
import { assertValidRecord } from '../record-schema.ts';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export async function openRecorded({
  mount,
  store = memoryStore(),
  ...options
}: SiteOptions & { readonly mount: Mount; readonly store?: Store }): Promise<Site & { readonly log: LogLine[] }> {
  const log: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void log.push({ level, fields, message });
  const logger = { info: at('info'), warn: at('warn'), error: at('error') };
  const site = await openSite({ mount, store: () => store, onRecord: assertValidRecord }, { logger, ...options });
  return { ...site, log };
}
