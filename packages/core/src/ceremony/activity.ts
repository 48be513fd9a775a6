/**
 * A person's own recent sign-ins, from the kept records: those that one of their passkeys proved. What anybody can bring about who
 * knows a name (a sheet that nobody answered, a signature that is none) is not theirs, and its address is somebody else's.
 */
import { refuseUnrecorded } from '../errors.ts';
import type { Outcome } from '../record/attempt.ts';
import { pseudonym } from '../record/pseudonym.ts';
import type { RequestContext } from './context.ts';
import { passkeysOf } from './passkeys.ts';
import type { Services } from './services.ts';
import type { SignedIn } from './session.ts';

/** A sign-in as its owner sees it. */
interface Activity {
  /** The attempt. */
  readonly id: string;
  /** When it ended. Milliseconds since the epoch. */
  readonly at: number;
  /** `failure`: policy or the application refused it. `error`: our fault. */
  readonly outcome: Outcome;
  /** Null where it was removed, or where records are of another identity key. */
  readonly passkey: { readonly id: string; readonly nickname: string } | null;
  readonly address: string | null;
  readonly userAgent: string | null;
  /** This very session began with it. */
  readonly current: boolean;
}

const OUTCOMES_SHOWN: readonly Outcome[] = ['success', 'failure', 'error'];

const MOST_SHOWN = 20;

/** Records read of each outcome: some are of other relying parties, or of signatures that are none. */
const MOST_READ = 50;

/** `GET /activity`: newest first. Throws `not_found` where no records are kept. */
export async function activityOf(
  { config }: RequestContext,
  { store }: Services,
  { session, user }: SignedIn,
): Promise<readonly Activity[]> {
  const { attempts } = store;
  if (attempts === null) throw refuseUnrecorded('not_found');
  const own = { name: 'latchkey.signin.attempt', userId: user.id, limit: MOST_READ } as const;
  // Each by itself: strangers can make refusals, and these must not hide what succeeded.
  const [passkeys, ...lists] = await Promise.all([
    passkeysOf(config, store, user.id),
    ...OUTCOMES_SHOWN.map((outcome) => attempts.list({ ...own, outcome })),
  ]);
  const byRef = new Map(
    passkeys.map(({ id, nickname, credentialId }) => [pseudonym(config.identityKey, credentialId), { id, nickname }]),
  );
  return lists
    .flat()
    .filter(({ rp, assertion }) => rp.id === config.rp.id && assertion.signature === 'valid')
    .sort((a, b) => (a.event.id < b.event.id ? 1 : -1))
    .slice(0, MOST_SHOWN)
    .map(({ event, attempt, outcome, credential, client, session: made }) => ({
      id: attempt.id,
      at: Date.parse(event.time),
      outcome,
      passkey: (credential.ref !== null && byRef.get(credential.ref)) || null,
      address: client.address,
      userAgent: client.userAgent,
      current: made.id === session.id,
    }));
}
