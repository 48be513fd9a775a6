/**
 * The one door for what the application answers about its accounts. An answer that no store could keep, or that would reach a
 * browser as the text "null", is refused here: with the function's name, what it answered, and what to write instead.
 */
import { ConfigurationError, refuse } from '../errors.ts';
import type { IdentifiedUser, User, UserAction, Users } from '../options.ts';

/** The application's accounts, with answers that were checked. `null` is the only way to say "nobody". */
export interface Accounts {
  find(id: string): Promise<User | null>;
  /** The account, unless it is gone or blocked. */
  active(id: string): Promise<User | null>;
  findByName(name: string): Promise<User | null>;
  create(account: { name: string; displayName: string }): Promise<User | null>;
  undo(user: User): Promise<void>;
  identify(request: unknown): Promise<IdentifiedUser | null>;
  hasOtherWayIn(user: User): Promise<boolean>;
  allows(user: User, action: UserAction): Promise<boolean>;
  canonicalName(name: string): string;
  readonly allowsSignUp: boolean;
  readonly identifies: boolean;
}

/** Wraps `users`. Each call throws a Refusal `config_invalid` for an answer that cannot be. */
export function checkedAccounts(users: Users): Accounts {
  const find = async (id: string) => {
    const user = checked('users.find', await users.find(id));
    const instead = `Answer the account with the id ${JSON.stringify(id)}, which was asked for, or nothing.`;
    if (user !== null && user.id !== id) throw wrong('users.find().id', user.id, instead);
    return user;
  };
  return {
    find,
    async active(id) {
      const user = await find(id);
      return user !== null && (await (users.isActive?.(user) ?? true)) ? user : null;
    },
    findByName: async (name) => checked('users.findByName', await users.findByName?.(name)),
    create: async (account) => checked('users.create', await users.create!(account)),
    undo: async (user) => void (await users.undo?.(user)),
    identify: async (request) => checkedInstants(checked('users.identify', await users.identify?.(request))),
    hasOtherWayIn: async (user) => (await users.hasOtherWayIn?.(user)) === true,
    allows: async (user, action) => (await (users.allows?.(user, action) ?? true)) === true,
    canonicalName: (name) => (users.canonicalName ? users.canonicalName(name) : name.normalize('NFKC').toLowerCase()),
    allowsSignUp: users.create !== undefined,
    identifies: users.identify !== undefined,
  };
}

/** The account, or null for nobody. Throws for an id or a name that cannot be. */
function checked<U extends User>(option: string, user: U | undefined | null): U | null {
  if (user === undefined || user === null) return null;
  const { id, name } = Object(user) as { id?: unknown; name?: unknown };
  if (typeof user !== 'object') throw wrong(option, user, 'Answer an account { id, name }, or nothing.');
  if (!isText(id, 255)) throw wrong(`${option}().id`, id, ID);
  if (!isText(name, 1_000)) throw wrong(`${option}().name`, name, NAME);
  return user;
}

/** The instants of an identified user. Throws for what is no instant: it would be taken for a sign-in that is long ago. */
function checkedInstants(user: IdentifiedUser | null): IdentifiedUser | null {
  for (const name of ['authenticatedAt', 'passwordAt'] as const) {
    const at: unknown = user?.[name];
    if (at === undefined || at === null || (typeof at === 'number' && Number.isFinite(at))) continue;
    throw wrong(
      `users.identify().${name}`,
      at,
      'Write milliseconds since the epoch, as Date.now() does, or leave it out.',
    );
  }
  return user;
}

const ID = 'Write String(row.id): text of 1 to 255 characters, well-formed and without NUL.';
const NAME = 'Answer what people know the account by: text that is not empty.';

function wrong(option: string, got: unknown, instead: string) {
  return refuse('config_invalid', { cause: new ConfigurationError(option, got, instead) });
}

function isText(value: unknown, most: number): value is string {
  return (
    typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= most &&
    !value.includes('\0') &&
    value.isWellFormed()
  );
}
