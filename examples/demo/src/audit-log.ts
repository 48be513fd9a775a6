/** `AUDIT_LOG`: the attempt records as a file of JSON lines, one record a line and nothing else. */
import { type FileSink, fileSink } from '@latchkey/audit';
import { SettingsError } from './settings.ts';

export function openAuditLog(path: string): FileSink {
  try {
    return fileSink({
      path,
      name: 'audit_log',
      fsync: 'interval',
      reopenOn: 'SIGHUP',
      onNotice: ({ message }) => console.error(`AUDIT_LOG: ${message}`),
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SettingsError(`AUDIT_LOG cannot be written (${why}). Name a file that this process may write.`, {
      cause,
    });
  }
}
