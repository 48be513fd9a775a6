/**
 * Whether a person who has just given a password is offered a first passkey, and what they say to it. The page asks; this
 * decides, so that "not now" holds in every browser, and a roll-out in every process for the same people.
 */
import { derive } from '../record/pseudonym.ts';
import { countOffer, type OfferResult } from '../signals/telemetry.ts';
import type { RequestContext } from './context.ts';
import { passkeysOf } from './passkeys.ts';
import { refusesMost } from './policy.ts';
import type { Services } from './services.ts';
import { isRecent, lastProved, type Person } from './session.ts';

/** The answer of `POST /offer`. `silent`: try without asking, and ask where that comes to nothing. */
export interface OfferAnswer {
  readonly offer: 'silent' | 'ask' | 'none';
}

/** `POST /offer`. */
export async function offerPasskey(context: RequestContext, services: Services, person: Person): Promise<OfferAnswer> {
  const result = await judgeOffer(context, services, person);
  countOffer(result);
  if (result !== 'offered') return { offer: 'none' };
  return { offer: (await maySilently(context, person)) ? 'silent' : 'ask' };
}

/** `DELETE /offer`: not now. */
export async function declineOffer({ config }: RequestContext, { store }: Services, { user }: Person): Promise<void> {
  await store.passkeys.decline({ userId: user.id, at: config.now() });
  countOffer('declined');
}

async function judgeOffer(
  { config }: RequestContext,
  { store }: Services,
  { user }: Person,
): Promise<Exclude<OfferResult, 'declined'>> {
  const { offers } = config.policy;
  if (offers === null || !(await config.accounts.allows(user, 'register'))) return 'not_allowed';
  if ((await passkeysOf(config, store, user.id)).length > 0) return 'has_passkey';
  if (lot(config.identityKey.key, user.id) >= offers.share) return 'not_in_share';
  const declinedAt = await store.passkeys.declinedAt(user.id);
  if (declinedAt !== null && isRecent(declinedAt, offers.againMs, config.now())) return 'not_now';
  return 'offered';
}

/** From 0 to 1, the same for an account wherever the identity key is: whoever is below a share is below a greater one. */
function lot(key: Parameters<typeof derive>[0], userId: string): number {
  return Buffer.from(derive(key, 'offer', userId), 'base64url').readUIntBE(0, 6) / 2 ** 48;
}

/** As registration options for it will be judged; and not where what comes of it would be refused. */
async function maySilently(context: RequestContext, person: Person): Promise<boolean> {
  const { policy, now } = context.config;
  if (!policy.conditionalCreate || refusesMost(policy)) return false;
  return isRecent(await lastProved(context, person), policy.recentSignInMs, now());
}
