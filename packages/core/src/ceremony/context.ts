/** One request on its way through core: its configuration, what it reports to, and the record that it fills. */
import type { HttpRequest } from '../adapter.ts';
import type { Config } from '../config/config.ts';
import type { IdentifiedUser } from '../options.ts';
import type { EventName } from '../record/attempt.ts';
import type { AttemptDraft } from '../record/draft.ts';
import type { Reporter } from '../signals/publish.ts';

/** What a guard knows of a request. */
export interface GuardContext {
  readonly config: Config;
  readonly request: HttpRequest;
  readonly reporter: Reporter;
  /** The hash of the token in the session cookie, if that is well-formed. */
  readonly sessionToken: string | null;
  /** Events that the request brought about: each becomes a record of its own when the request is done. */
  readonly events: ContextEvent[];
  /** Who the application's own sign-in says is there; asked once. See `identifiedUser`. */
  identified?: Promise<IdentifiedUser | null>;
}

/** An event beside the one that the request is about, and how its record differs from the request's own. */
export interface ContextEvent {
  readonly name: EventName;
  readonly changes: Partial<AttemptDraft>;
}

/** What a route knows of a request. */
export interface RequestContext extends GuardContext {
  readonly receivedAt: number;
  /** Which answers wait for the next step of the grid, because their time would tell who has an account. See `untilNextStep`. */
  evenTime?: 'all' | 'refusals';
  /**
   * When its body had been read, as `performance.now()` said: there the grid begins. It must not begin earlier: a client that
   * holds its body back would choose how far from the next step its answer is made.
   */
  readAt?: number;
  /** The browser binding cookie that came with the request, if it is well-formed. */
  readonly binding: string | null;
  /** What is known so far, for the record that ends this attempt. */
  readonly draft: AttemptDraft;
  /** The request met its limits. Refusals before that share their records, and so do those of invitations, which anybody can guess. */
  admitted?: boolean;
  /** Values of Set-Cookie for the answer. A refusal sends none of them. */
  readonly cookies: string[];
  /** What follows when the request was accepted and its record is kept: notifications. */
  readonly whenDone: (() => void)[];
  /** What to take back when the request is refused after all, newest first. */
  readonly undo: (() => Promise<unknown>)[];
}
