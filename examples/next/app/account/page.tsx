/** A page behind the proxy's guard, with a server action. Both ask who is signed in: the guard may be bypassed, they may not. */
import { revalidatePath } from 'next/cache';
import { redirect } from 'next/navigation';
import { passkeySession } from '../../passkeys.ts';

const notes = new Map<string, string>();

async function keep(form: FormData) {
  'use server';
  const session = await passkeySession();
  if (session === null) redirect('/');
  notes.set(session.user.id, String(form.get('note')));
  revalidatePath('/account');
}

export default async function Account() {
  const session = await passkeySession();
  if (session === null) redirect('/');
  return (
    <form action={keep}>
      <h1>Account of {session.user.name}</h1>
      <input name="note" aria-label="Note" />
      <button type="submit">Keep</button>
      <p role="status">{notes.get(session.user.id) ?? ''}</p>
    </form>
  );
}
