export {};
import { createPasskeys, memoryStore, type PasskeyNotification } from '@latchkey/core';

const accounts = new Map([['1', { id: '1', name: 'ada', email: 'ada@example.com' }]]);

async function sendMail(to: string, subject: string, text: string): Promise<void> {
  console.log({ to, subject, text }); // your mailer, or better its queue
}

const passkeys = createPasskeys({
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
  users: { find: (id) => accounts.get(id) },
  store: memoryStore(),
  notify: async (notification) => {
    const account = accounts.get(notification.user.id);
    const letter = letterFor(notification);
    if (account && letter) await sendMail(account.email, letter.subject, letter.text);
  },
});

function letterFor(notification: PasskeyNotification): { subject: string; text: string } | undefined {
  const { user, passkey, at, client } = notification;
  const words = wordsFor(notification);
  if (!words) return undefined;
  const [subject, what] = words;
  const text = `Hello ${user.displayName ?? user.name},

${what}
When: ${new Date(at).toUTCString()}
From the address: ${client.address ?? 'not known'}

If this was you, there is nothing to do. If not, sign in at https://example.com/account, remove the
passkey “${passkey.nickname}”, and answer this mail.`;
  return { subject, text };
}

function wordsFor(notification: PasskeyNotification): [subject: string, what: string] | undefined {
  const name = `“${notification.passkey.nickname}”`;
  switch (notification.kind) {
    case 'passkey_added':
      return ['A passkey was added to your account', `The passkey ${name} can now be used to sign in to your account.`];
    case 'passkey_removed':
      return ['A passkey was removed from your account', `The passkey ${name} can no longer be used to sign in.`];
    case 'passkey_enabled':
      return ['A passkey was enabled', `The passkey ${name}, which was disabled, can be used to sign in again.`];
    case 'passkey_disabled':
      // The letter about the counter says so already.
      if (notification.by === 'counter') return undefined;
      return ['A passkey was disabled', `The passkey ${name} cannot be used to sign in until it is enabled again.`];
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