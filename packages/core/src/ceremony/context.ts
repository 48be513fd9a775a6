/** One request on its way through core: its configuration, its cookies, and the record that it fills. */

import type { HttpRequest } from '../adapter.ts';
import type { Config } from '../config/config.ts';
import type { AttemptDraft } from '../record/draft.ts';

export interface RequestContext {
  readonly config: Config;
  readonly request: HttpRequest;
  readonly receivedAt: number;
  /** The browser binding cookie that came with the request, if it is well-formed. */
  readonly binding: string | null;
  /** What is known so far, for the record that ends this attempt. */
  readonly draft: AttemptDraft;
}
