// A person's own passkeys: the list, and what can be done with it. After what succeeded the list is fetched again.

import type {
  Answer,
  ConfirmOptions,
  ConfirmResult,
  Passkey,
  PasskeyClientOptions,
  RegisterOptions,
  RegistrationResult,
} from '@latchkey/browser';
import { useCallback, useEffect, useState } from 'react';
import { useClient } from './use-client.ts';

/** What {@link usePasskeys} gives. After `step_up_required` call `confirm`, from a click, and then the same again. */
export interface OwnPasskeys {
  /** Undefined until they are there. */
  passkeys: readonly Passkey[] | undefined;
  /** Something is under way. */
  pending: boolean;
  /** What the last call came to, or why the list is not there. */
  result: Answer | RegistrationResult | ConfirmResult | undefined;
  /** Fetches the list. */
  refresh: () => Promise<Answer<{ passkeys: Passkey[] }>>;
  /** Adds one. */
  add: (options?: RegisterOptions) => Promise<RegistrationResult>;
  /** Gives one another nickname. */
  rename: (id: string, nickname: string) => Promise<Answer<{ passkey: Passkey }>>;
  /** Disables or enables one. */
  setEnabled: (id: string, enabled: boolean) => Promise<Answer<{ passkey: Passkey }>>;
  /** Removes one. */
  remove: (id: string) => Promise<Answer>;
  /** Has the person confirm that it is them. */
  confirm: (options?: ConfirmOptions) => Promise<ConfirmResult>;
}

/** The passkeys of the person who is signed in. */
export function usePasskeys(options: PasskeyClientOptions = {}): OwnPasskeys {
  const client = useClient(options);
  const [passkeys, setPasskeys] = useState<OwnPasskeys['passkeys']>();
  const [pending, setPending] = useState(false);
  const [result, setResult] = useState<OwnPasskeys['result']>();

  const refresh = useCallback(async () => {
    const answer = await client.passkeys();
    if (answer.kind === 'done') setPasskeys(answer.passkeys);
    else setResult(answer);
    return answer;
  }, [client]);

  useEffect(() => {
    refresh();
  }, [refresh]);

  async function run<R extends NonNullable<OwnPasskeys['result']>>(work: () => Promise<R>): Promise<R> {
    setPending(true);
    setResult(undefined);
    const result = await work();
    setResult(result);
    if (result.kind === 'done') await refresh();
    setPending(false);
    return result;
  }

  return {
    passkeys,
    pending,
    result,
    refresh,
    add: (options) => run(() => client.register(options)),
    rename: (id, nickname) => run(() => client.rename(id, nickname)),
    setEnabled: (id, enabled) => run(() => client.setEnabled(id, enabled)),
    remove: (id) => run(() => client.remove(id)),
    confirm: (options) => run(() => client.confirm(options)),
  };
}
