/** The elements in TypeScript and in JSX: what is right compiles, and what is wrong does not. Nothing here runs. */
import type {} from '@latchkey/elements';
import '@latchkey/react/elements';

export async function inScripts(): Promise<void> {
  const signIn = document.querySelector('latchkey-sign-in')!;
  signIn.addEventListener('signedin', (event) => event.detail.user.displayName.trim());
  signIn.addEventListener('click', (event) => event.clientX);
  // @ts-expect-error there is no such member
  signIn.addEventListener('signedin', (event) => event.detail.username);
  const result = await signIn.signIn({ mode: 'modal' });
  if (result?.kind === 'passkey') result.user.id.trim();
  // @ts-expect-error there is no such mode
  signIn.signIn({ mode: 'sideways' });

  const passkeys = document.createElement('latchkey-passkeys');
  passkeys.icons = { 'iCloud Keychain': '/icloud.svg' };
  // @ts-expect-error an address is text
  passkeys.icons = { 'iCloud Keychain': 1 };
}

export const right = (
  <main>
    <latchkey-sign-in href="/account" open onsignedin={(event) => event.detail.user.id}>
      <button type="button">Sign in</button>
    </latchkey-sign-in>
    <latchkey-passkeys limit={20} icons={{ Manager: '/icon.svg' }} onchanged={({ detail }) => detail.action} />
    <latchkey-activity onresult={({ detail }) => detail.action} />
    <latchkey-step-up action="pay" onconfirmed={({ detail }) => detail.kind} />
  </main>
);

// @ts-expect-error there is no such attribute
export const wrongAttribute = <latchkey-sessions limit={1} />;

// @ts-expect-error there is no such element
export const wrongElement = <latchkey-sign-out />;
