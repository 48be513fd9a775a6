// A page with nothing but the script and <latchkey-sign-in> signs people in, on each framework.

import type { Mount } from '@latchkey/testing';
import { describe, expect, it } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { ada, inChromium, signOut, signUp, site } from './page.ts';

describe.each(Object.entries(mounts))('on %s', (_, mount: Mount) => {
  inChromium(() => mount);

  it('a page with only the script and the element signs people in', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.show('<latchkey-sign-in></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.getByText('You are signed in as ada.').waitFor();
    expect(site.records.at(-1)).toMatchObject({ outcome: 'success', immediate: { enforcement: 'enforced' } });
  });
});
