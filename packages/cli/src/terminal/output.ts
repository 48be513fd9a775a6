/**
 * Everything that is printed passes through here. Data never reaches a terminal raw, passwords are never printed, and colours
 * and moving lines only reach a terminal.
 */
import { styleText } from 'node:util';
import { withoutPasswords } from './secrets.ts';

type Tone = 'good' | 'warning' | 'bad' | 'dim' | 'strong';
/** A piece of a line: text, or text in a tone. Either may hold data from anywhere. */
export type Piece = string | number | { readonly tone: Tone; readonly text: string };

export const good = (text: string): Piece => ({ tone: 'good', text });
export const warning = (text: string): Piece => ({ tone: 'warning', text });
export const bad = (text: string): Piece => ({ tone: 'bad', text });
export const dim = (text: string): Piece => ({ tone: 'dim', text });
export const strong = (text: string): Piece => ({ tone: 'strong', text });

const STYLES = { good: 'green', warning: 'yellow', bad: 'red', dim: 'dim', strong: 'bold' } as const;

export interface Progress {
  /** How many are done. */
  at(done: number): void;
  end(): void;
}

export interface Output {
  /** Whether the answer is for a program. */
  readonly json: boolean;
  /** A line of the answer for people; nothing where the answer is for a program. */
  line(...pieces: Piece[]): void;
  /** The answer, or one record of it, as one line of JSON; nothing where the answer is for people. */
  document(value: unknown): void;
  /** A remark beside the answer, on standard error. */
  note(...pieces: Piece[]): void;
  /** Work that may take long: a moving line on standard error where that is a terminal, else nothing. */
  progress(label: string, total?: number): Progress;
}

/** A stream as far as printing needs it. */
type Stream = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean };

const MOVES_MS = 100;

export function createOutput(
  json: boolean,
  streams: { readonly stdout: Stream; readonly stderr: Stream } = process,
  env: NodeJS.ProcessEnv = process.env,
): Output {
  const { stdout, stderr } = streams;
  let moving = false;
  const rest = () => {
    if (moving) stderr.write('\r\u001b[K');
    moving = false;
  };
  const print = (stream: Stream, pieces: readonly Piece[]) => {
    rest();
    stream.write(`${render(pieces, wantsColour(stream, env))}\n`);
  };
  return {
    json,
    line(...pieces) {
      if (!json) print(stdout, pieces);
    },
    document(value) {
      if (!json) return;
      rest();
      stdout.write(`${jsonLine(value)}\n`);
    },
    note: (...pieces) => print(stderr, pieces),
    progress(label, total) {
      const far = (done: number) => `${clean(label)}: ${done}${total === undefined ? '' : ` of ${total}`}`;
      let movedAt = 0;
      return {
        at(done) {
          if (stderr.isTTY !== true || Date.now() - movedAt < MOVES_MS) return;
          stderr.write(`\r\u001b[K${far(done)}`);
          movedAt = Date.now();
          moving = true;
        },
        end: rest,
      };
    },
  };
}

/** `1 row`, `2 rows`. */
export const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Only on a terminal, and never against the wish in NO_COLOR (no-color.org). */
export function wantsColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

function render(pieces: readonly Piece[], colour: boolean): string {
  return pieces
    .map((piece) => {
      if (typeof piece !== 'object') return clean(String(piece));
      const text = clean(piece.text);
      return colour ? styleText(STYLES[piece.tone], text, { validateStream: false }) : text;
    })
    .join('');
}

/** What a terminal would obey, or what would show text in another order than it has: controls, line ends, bidi marks. */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Text for a terminal: what is unsafe becomes `\u{…}`, and passwords `***`. */
export function clean(text: string): string {
  return withoutPasswords(text).replaceAll(UNSAFE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** JSON in one line, with the same characters escaped in the way of JSON. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
