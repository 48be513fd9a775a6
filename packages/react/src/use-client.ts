// One client for as long as its options stay the same.

import { createPasskeyClient, type PasskeyClient, type PasskeyClientOptions } from '@latchkey/browser';
import { useMemo } from 'react';

export function useClient({ baseUrl, requestTimeout }: PasskeyClientOptions): PasskeyClient {
  return useMemo(
    () =>
      createPasskeyClient({
        ...(baseUrl !== undefined && { baseUrl }),
        ...(requestTimeout !== undefined && { requestTimeout }),
      }),
    [baseUrl, requestTimeout],
  );
}
