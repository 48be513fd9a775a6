/**
 * The mail that this demo would send: it has no address of anyone, so the letters stay here and are shown on the account
 * page. What a letter says is what docs/notifications.md proposes.
 */
import type { PasskeyNotification } from '@latchkey/core';

export interface Letter {
  readonly at: number;
  readonly subject: string;
  readonly text: string;
}

export interface Mailbox {
  /** The `notify` of `createPasskeys`. */
  send(notification: PasskeyNotification): void;
  /** A person's letters, newest first. */
  of(userId: string): readonly Letter[];
}

/** Of how many people letters are kept, and how many of each. */
const PEOPLE = 1_000;
const KEPT = 20;

/** In memory: a restart throws them away. */
export function openMailbox(): Mailbox {
  const letters = new Map<string, readonly Letter[]>();
  return {
    send(notification) {
      const { id } = notification.user;
      const kept = [letterFor(notification), ...(letters.get(id) ?? [])].slice(0, KEPT);
      letters.delete(id);
      letters.set(id, kept);
      if (letters.size > PEOPLE) letters.delete(letters.keys().next().value!);
    },
    of: (userId) => letters.get(userId) ?? [],
  };
}

function letterFor(notification: PasskeyNotification): Letter {
  const { at, user, passkey, client } = notification;
  const [subject, what] = wordsFor(notification);
  const from = client.address === null ? '' : `\nIt came from the address ${client.address}.`;
  const text = `Hello ${user.displayName ?? user.name},

${what}
When: ${new Date(at).toUTCString()}${from}

If this was you, there is nothing to do. If not, sign in, remove the passkey “${passkey.nickname}”, and tell us.`;
  return { at, subject, text };
}

function wordsFor(notification: PasskeyNotification): [subject: string, what: string] {
  const name = `“${notification.passkey.nickname}”`;
  switch (notification.kind) {
    case 'passkey_added':
      return ['A passkey was added to your account', `The passkey ${name} can now be used to sign in to your account.`];
    case 'passkey_removed':
      return ['A passkey was removed from your account', `The passkey ${name} can no longer be used to sign in.`];
    case 'passkey_enabled':
      return ['A passkey was enabled', `The passkey ${name}, which was disabled, can be used to sign in again.`];
    case 'passkey_disabled':
      return [
        'A passkey was disabled',
        notification.by === 'owner'
          ? `The passkey ${name} cannot be used to sign in until it is enabled again.`
          : `We disabled the passkey ${name}, because there may be a copy of it.`,
      ];
    case 'new_passkey_sign_in':
      return [
        'First sign-in with a passkey',
        `The passkey ${name} was used for the first time to sign in to your account.`,
      ];
    case 'counter_regressed':
      return [
        'A passkey of yours may have been copied',
        notification.accepted
          ? `Somebody signed in with ${name}, but its counter went backwards. Restoring a device does that, and so does a copy.`
          : `We refused a sign-in with ${name}: its counter went backwards. Restoring a device does that, and so does a copy.`,
      ];
  }
}
