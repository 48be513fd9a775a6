/** What every contestant's application is given. It answers at `/who` whether somebody is signed in. */
import type { RequestListener } from 'node:http';
import type { Contestant } from '../contestants.ts';
import type { Person } from '../people.ts';
import type { Place, Whereabouts } from '../places.ts';
import type { RecordFile } from '../record-file.ts';

export const RP_ID = 'localhost';
export const RP_NAME = 'Benchmark';

export interface Ground {
  readonly contestant: Contestant;
  readonly origin: string;
  readonly people: readonly Person[];
  readonly place: Place;
  readonly where: Whereabouts;
  readonly records: RecordFile;
}

/** Makes the application, with everyone's passkey in its place. */
export type App = (ground: Ground) => Promise<RequestListener>;
