/**
 * `latchkey import` stores no bytes that it has guessed: each way in which a table can hold an id, a handle or a key is read
 * rightly or refused with the option that says what it is. Rows of real registrations, compared byte by byte afterwards.
 */
import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CoseAlgorithmName } from '@latchkey/core';
import { createSoftwarePasskey } from '@latchkey/testing';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { folder, latchkey, latchkeyJson } from './latchkey.ts';
import { type Place, place } from './stores.ts';

const ORIGIN = 'http://localhost';
const RP_ID = ['--rp-id', 'localhost'];

interface Registered {
  readonly id: Buffer;
  readonly handle: Buffer;
  /** Attested credential data (WebAuthn §6.5.1). */
  readonly attested: Buffer;
  readonly cose: Buffer;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
}

/** A credential id as most are. One in 8,000 has no digit in base64url, might be a word, and is refused. */
function newId(): Buffer {
  for (;;) {
    const id = randomBytes(32);
    if (/\d/.test(id.toString('base64url'))) return id;
  }
}

/** Registers with the software passkey, and takes the parts from its own answer. */
function register(algorithm: CoseAlgorithmName = 'ES256', id = newId()): Registered {
  const passkey = createSoftwarePasskey({ origin: ORIGIN, algorithm, credentialId: id.toString('base64url') });
  const handle = randomBytes(32);
  const { response } = passkey.register({
    rp: { name: 'Before' },
    user: { id: handle.toString('base64url'), name: 'ada', displayName: 'Ada' },
    challenge: 'AAAA',
    pubKeyCredParams: [-7, -8, -257, -48, -49, -50].map((alg) => ({ type: 'public-key', alg })),
  });
  const authenticatorData = Buffer.from(response.authenticatorData!, 'base64url');
  const attested = authenticatorData.subarray(37);
  const cose = attested.subarray(18 + attested.readUInt16BE(16));
  return { id, handle, attested, cose, spki: Buffer.from(response.publicKey!, 'base64url') };
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

async function migrated(): Promise<Place> {
  const to = place('SQLite');
  await to.migrate();
  return to;
}

function file(name: string, content: string): string {
  const path = join(folder(), name);
  writeFileSync(path, content);
  return path;
}

/** Imports rows, user by user, and gives back what was refused, and what is stored, by user. */
async function imported(rows: readonly object[], ...args: string[]) {
  const to = await migrated();
  const numbered = rows.map((row, index) => ({ userId: `user-${index}`, ...row }));
  const from = file('rows.json', JSON.stringify(numbered));
  const { json } = await latchkeyJson(['import', 'simplewebauthn', '--from', from, ...args, ...RP_ID, ...to.at]);
  const stored = await Promise.all(
    rows.map(async (_, index) => (await to.store.passkeys.listByUser(`user-${index}`))[0]),
  );
  const refused: Record<number, string> = Object.fromEntries(
    json.refused.map(({ row, code, message }: { row: number; code: string; message: string }) => [
      row - 1,
      `${code}: ${message}`,
    ]),
  );
  return { json, stored, refused, to };
}

const ID_FORMS: Readonly<Record<string, (id: Buffer) => unknown>> = {
  base64url: (id) => id.toString('base64url'),
  'base64url with padding': (id) => `${id.toString('base64url')}=`,
  base64: (id) => id.toString('base64'),
  'hex in lower case': (id) => id.toString('hex'),
  "hex in upper case, as MySQL's HEX()": (id) => id.toString('hex').toUpperCase(),
  "psql's bytea": (id) => `\\x${id.toString('hex')}`,
  'a hexadecimal literal': (id) => `0x${id.toString('hex')}`,
  "SQLite's quote()": (id) => `X'${id.toString('hex').toUpperCase()}'`,
  'a Buffer in JSON': (id) => id,
  'bytes as an object': (id) => ({ ...new Uint8Array(id) }),
  'bytes as a list in text': (id) => JSON.stringify([...id]),
  "MongoDB's $binary": (id) => ({ $binary: { base64: id.toString('base64'), subType: '00' } }),
};

test('a credential id is the same bytes, however the table holds it', async () => {
  const forms = Object.entries(ID_FORMS);
  const passkeys = forms.map(() => register());
  const { json, stored, refused } = await imported(
    forms.map(([, form], n) => ({ credentialID: form(passkeys[n]!.id), publicKey: base64url(passkeys[n]!.cose) })),
  );
  expect(refused).toEqual({});
  for (const [n, [name]] of forms.entries())
    expect(base64url(stored[n]!.credentialId), name).toBe(base64url(passkeys[n]!.id));
  expect(json.seen.credentialId).toMatchObject({ count: forms.length, shortest: 32, longest: 32 });
  // Without any of the characters that differ, base64 is base64url.
  const { base64 = 0, base64url: url, hex, bytes } = json.seen.credentialId.kinds;
  expect([base64 + url, hex, bytes]).toEqual([3, 5, 4]);
  expect(json.readBack).toBe(forms.length);
});

test('a credential id of more than 57 bytes may be wrapped as databases wrap base64', async () => {
  const id = randomBytes(64);
  const { cose } = register('ES256', id);
  const wrapped = id.toString('base64').replace(/(.{76})/, '$1\n');
  const { stored, refused } = await imported([{ credentialID: wrapped, publicKey: base64url(cose) }]);
  expect(refused).toEqual({});
  expect(base64url(stored[0]!.credentialId)).toBe(base64url(id));
});

/** What a column that is taken for a credential id may hold instead. */
const NO_IDS: Readonly<Record<string, unknown>> = {
  'a UUID': randomUUID(),
  'a UUID in upper case': randomUUID().toUpperCase(),
  'a UUID in both cases': '1b4E28BA-2fa1-11D2-883f-0016D3CCA427',
  'a UUID in braces': `{${randomUUID()}}`,
  'a UUID without hyphens, as the own key': randomUUID().replaceAll('-', ''),
  'a cuid': 'clh3x2q9d0000356o0g4v2n1z',
  'a cuid2': 'tz4a98xxat96iws9zmbrgj3a',
  'a nanoid': 'V1StGXR8_Z5jdHi6B-myT',
  'a ULID': '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  'an ObjectId': { $oid: '507f1f77bcf86cd799439011' },
  'a number': 42,
  'a number as text': '1234567890123456',
  'a snowflake': '175928847299117063',
  'a name': 'my-yubikey-from-2024-abc',
  'a word': 'passkey1',
  'a name of letters': 'AdasPasskeyOnHerLaptopAB',
  'a sentence': "Ada's phone",
  'base64url with a bit too many': `${base64url(randomBytes(31))}B`.replace(/.$/, 'B'),
  'base64 and base64url mixed': `ab-cd+EF${base64url(randomBytes(30))}`,
  'hex cut off in the middle of a byte': randomBytes(32).toString('hex').slice(1),
  'an e-mail address': 'ada@example.com',
  'a word for nothing': 'null',
  'an object': { a: 1 },
  'a boolean': true,
};

test('what is no credential id, or may not be one, is refused, and the sentence names an option', async () => {
  const entries = Object.entries(NO_IDS);
  const { stored, refused } = await imported(
    entries.map(([, id]) => ({ id, publicKey: base64url(register().cose), name: 'null', webauthnUserID: null })),
  );
  for (const [n, [name]] of entries.entries()) {
    expect(refused[n], name).toMatch(/^credential_id_invalid: .*--(credential-id|column)/);
    expect(stored[n], name).toBeUndefined();
  }
});

test('text in a column of bytes is noticed, and read as it is said to be', async () => {
  const { id, cose } = register();
  const rows = [{ credentialID: Buffer.from(base64url(id)), publicKey: Buffer.from(base64url(cose)) }];
  expect((await imported(rows)).refused[0]).toMatch(/^credential_id_invalid: .*bytes that are text/);
  const { stored, refused } = await imported(rows, '--credential-id', 'base64url');
  expect(refused).toEqual({});
  expect(base64url(stored[0]!.credentialId)).toBe(base64url(id));
  expect(base64url(stored[0]!.publicKey)).toBe(base64url(cose));
});

test('what is said of the encoding is held to: the short, the ambiguous, and the canonical', async () => {
  const short = randomBytes(6);
  const { cose } = register('ES256', short);
  const row = (credentialID: string) => ({ credentialID, publicKey: base64url(cose) });
  const hex = await imported([row(short.toString('hex')), row('zz')], '--credential-id', 'hex');
  expect(base64url(hex.stored[0]!.credentialId)).toBe(base64url(short));
  expect(hex.refused[1]).toContain('is not canonical hex');
  // The text is hex as well; somebody says that it is not.
  const text = 'abcdefabcdef';
  const told = await imported([row(text), row('abcdefabcdefab')], '--credential-id', 'base64url');
  expect(base64url(told.stored[0]!.credentialId)).toBe(text);
  expect(told.refused[1]).toContain('is not canonical base64url');
});

describe('a column called id', () => {
  const { id, cose } = register();

  test.each<[string, object]>([
    ['beside external_id, which is taken', { id: randomUUID(), external_id: base64url(id) }],
    ['beside key_handle, which is taken', { id: 7, keyHandle: id.toString('hex') }],
    ['beside _id of MongoDB', { _id: { $oid: '507f1f77bcf86cd799439011' }, credentialID: base64url(id) }],
    ['that is the credential id itself', { id: base64url(id), label: 'Phone', created: '2024-03-01' }],
  ])('%s', async (_, row) => {
    const { stored, refused } = await imported([{ ...row, publicKey: base64url(cose) }]);
    expect(refused).toEqual({});
    expect(base64url(stored[0]!.credentialId)).toBe(base64url(id));
  });

  test.each<[string, object]>([
    ['beside a column that sounds like a credential id', { id: base64url(newId()), my_credential_id: 'x' }],
    ['beside a column that reads like one', { id: base64url(newId()), handle_of_key: base64url(id) }],
    [
      'beside one of bytes',
      { id: base64url(newId()), kid: { $binary: { base64: id.toString('base64'), subType: '00' } } },
    ],
  ])('%s is refused until somebody says which it is', async (_, row) => {
    const rows = [{ ...row, publicKey: base64url(cose) }];
    expect((await imported(rows)).refused[0]).toMatch(/^credential_id_invalid: .*--column credentialId=id or --column/);
    const other = Object.keys(row)[1]!;
    const { stored } = await imported(rows, '--column', 'credentialId=id');
    expect(base64url(stored[0]!.credentialId)).toBe((row as { id: string }).id);
    if (other === 'my_credential_id') return;
    const right = await imported(rows, '--column', `credentialId=${other}`);
    expect(base64url(right.stored[0]!.credentialId)).toBe(base64url(id));
  });
});

describe('a user handle', () => {
  const uuid = randomUUID();
  const plain = uuid.replaceAll('-', '');

  test('that may be something else is refused, and the sentence names the option', async () => {
    const userId = 'Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF';
    const handles: Readonly<Record<string, unknown>> = {
      'a name': 'ada',
      'a word that is canonical base64url': 'user',
      'a longer name in both cases': 'AdaLovelaceTheCountessOf',
      'a number': 42,
      'a UUID': uuid,
      'a UUID without hyphens': plain,
      'hex, which may be the text itself': randomBytes(32).toString('hex'),
      'an e-mail address': 'ada@example.com',
      'the text of the name in bytes': Buffer.from('ada@example.com'),
      'the user id itself': userId,
      'too many bytes': base64url(randomBytes(65)),
    };
    const entries = Object.entries(handles);
    const { refused } = await imported(
      entries.map(([, handle]) => {
        const { id, cose } = register();
        const row = { id: base64url(id), publicKey: base64url(cose), user_handle: handle };
        return handle === userId ? { ...row, userId } : row;
      }),
    );
    for (const [n, [name]] of entries.entries())
      expect(refused[n], name).toMatch(/^user_handle_invalid: .*--user-handle/);
  });

  test.each<[string, unknown, string[], Buffer]>([
    ['base64url', base64url(Buffer.alloc(32, 'aB1-')), [], Buffer.alloc(32, 'aB1-')],
    ["psql's bytea", `\\x${plain}`, [], Buffer.from(plain, 'hex')],
    [
      'bytes',
      { $binary: { base64: Buffer.from(plain, 'hex').toString('base64'), subType: '00' } },
      [],
      Buffer.from(plain, 'hex'),
    ],
    ['a UUID, for its bytes', uuid, ['uuid'], Buffer.from(plain, 'hex')],
    ['a UUID, for its text', uuid, ['utf8'], Buffer.from(uuid)],
    ['hex', plain, ['hex'], Buffer.from(plain, 'hex')],
    ['hex, for its text', plain, ['utf8'], Buffer.from(plain)],
    ['a number, for its text', 42, ['utf8'], Buffer.from('42')],
    ['a name in bytes', Buffer.from('ada@example.com'), ['utf8'], Buffer.from('ada@example.com')],
    ['anything, left out', 'ada', ['unknown'], Buffer.alloc(0)],
    ['the word for nothing', 'None', [], Buffer.alloc(0)],
  ])('that is %s is those bytes', async (_, handle, encoding, bytes) => {
    const { id, cose } = register();
    const args = encoding.length > 0 ? ['--user-handle', ...encoding] : [];
    const { stored, refused } = await imported(
      [{ id: base64url(id), publicKey: base64url(cose), user_handle: handle }],
      ...args,
    );
    expect(refused).toEqual({});
    expect(base64url(stored[0]!.userHandle)).toBe(base64url(bytes));
  });
});

describe('a public key', () => {
  /** A COSE_Key of RSA with this modulus and exponent. */
  const rsa = (n: Buffer, e: Buffer) =>
    Buffer.concat([Buffer.from('a401030339010020', 'hex'), bytesIn(n), Buffer.from('21', 'hex'), bytesIn(e)]);
  const bytesIn = (bytes: Buffer) =>
    Buffer.concat([
      bytes.length < 24
        ? Buffer.from([0x40 + bytes.length])
        : Buffer.from([0x59, bytes.length >> 8, bytes.length & 255]),
      bytes,
    ]);
  const modulus = (bits: number) =>
    Buffer.from(
      generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' }).n!,
      'base64url',
    );
  const F4 = Buffer.from('010001', 'hex');

  test('is refused where core would refuse it at the first sign-in', async () => {
    const { cose, attested } = register();
    const offCurve = Buffer.from(cose);
    offCurve[20]! ^= 1;
    const point = Buffer.concat([Buffer.from([4]), cose.subarray(10, 42), cose.subarray(45, 77)]);
    const offCurvePoint = Buffer.from(point);
    offCurvePoint[40]! ^= 1;
    const wide = Buffer.concat([cose.subarray(0, 9), Buffer.from([33, 0]), cose.subarray(10)]);
    const keys: Readonly<Record<string, Buffer | string>> = {
      'RSA of 1,024 bits': rsa(modulus(1_024), F4),
      'RSA of 5,120 bits': rsa(Buffer.concat([Buffer.from([0x80]), randomBytes(638), Buffer.from([1])]), F4),
      'exponent 1': rsa(modulus(2_048), Buffer.from([1])),
      'an even exponent': rsa(modulus(2_048), Buffer.from([4])),
      'a large exponent': rsa(modulus(2_048), Buffer.from('0100000001', 'hex')),
      'a point off the curve': offCurve,
      'a bare point off the curve': offCurvePoint,
      'a coordinate of 33 bytes': wide,
      'EdDSA of 31 bytes': Buffer.concat([Buffer.from('a401010327200621581f', 'hex'), randomBytes(31)]),
      'bytes behind the key': Buffer.concat([cose, Buffer.from([0])]),
      'a bare point cut off': point.subarray(0, 64),
      'attested data cut off': attested.subarray(0, 100),
      'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
        format: 'pem',
        type: 'spki',
      }) as string,
      'the word for nothing': 'None',
      text: 'a public key',
    };
    const entries = Object.entries(keys);
    const { refused } = await imported(
      entries.map(([, key]) => ({
        id: base64url(newId()),
        publicKey: typeof key === 'string' ? key : base64url(key),
      })),
    );
    for (const [n, [name]] of entries.entries()) expect(refused[n], name).toMatch(/^public_key_invalid: /);
  });

  test('is the same COSE_Key, however the table holds it', async () => {
    const forms: Readonly<Record<string, (one: Registered) => unknown>> = {
      'COSE in base64url': ({ cose }) => base64url(cose),
      'COSE in base64': ({ cose }) => cose.toString('base64'),
      'COSE in hex': ({ cose }) => cose.toString('hex'),
      'COSE in bytea': ({ cose }) => `\\x${cose.toString('hex')}`,
      'COSE in bytes': ({ cose }) => cose,
      'attested data in base64': ({ attested }) => attested.toString('base64'),
      'attested data in bytes': ({ attested }) => ({ $binary: { base64: attested.toString('base64'), subType: '00' } }),
      'SubjectPublicKeyInfo in base64': ({ spki }) => spki.toString('base64'),
      PEM: ({ spki }) =>
        createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'pem', type: 'spki' }),
      'a JWK': ({ spki }) => createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' }),
      'a JWK in text': ({ spki }) =>
        JSON.stringify(createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' })),
    };
    const rows = (['ES256', 'EdDSA', 'RS256', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const).flatMap((algorithm) =>
      Object.entries(forms).map(([name, form]) => ({ name: `${algorithm}, ${name}`, one: register(algorithm), form })),
    );
    const es256 = register();
    const point = Buffer.concat([Buffer.from([4]), es256.cose.subarray(10, 42), es256.cose.subarray(45, 77)]);
    rows.push({ name: 'a bare point', one: es256, form: () => point.toString('base64') });
    const { stored, refused } = await imported(
      rows.map(({ one, form }) => ({ id: base64url(one.id), publicKey: form(one) })),
    );
    expect(refused).toEqual({});
    for (const [n, { name, one }] of rows.entries())
      expect(base64url(stored[n]!.publicKey), name).toBe(base64url(one.cose));
  });

  test('that comes with another credential id beside it is refused', async () => {
    const [one, other] = [register(), register()];
    const { refused } = await imported([{ id: base64url(other.id), publicKey: base64url(one.attested) }]);
    expect(refused[0]).toMatch(/^credential_id_invalid: .*not the one beside the public key/);
  });
});

test('words for nothing never reach people, and never become a user', async () => {
  const rows = ['null', 'None', 'NULL', '', '  ', 'undefined', '\\N', 'Ada\u202e\r\nBcc: all@example.com', null];
  const passkeys = rows.map((name) => {
    const { id, cose } = register();
    return { id: base64url(id), publicKey: base64url(cose), name };
  });
  const { stored, refused } = await imported(passkeys);
  expect(refused).toEqual({});
  expect(stored.map((one) => one!.nickname)).toEqual([
    ...Array(7).fill('Passkey'),
    'Ada Bcc: all@example.com',
    'Passkey',
  ]);
  const users = ['null', 'None', '', null, Buffer.from(randomBytes(16)), `\\x${'ab'.repeat(16)}`, 2 ** 60, {}];
  const wrong = await imported(users.map((userId) => ({ ...passkeys[0], userId })));
  expect(Object.values(wrong.refused)).toHaveLength(users.length);
  for (const sentence of Object.values(wrong.refused)) expect(sentence).toMatch(/^user_id_invalid: /);
  expect(wrong.refused[4]).toContain('--column userId=');
});

test('a passkey whose `enabled` cannot be understood is left out, not enabled', async () => {
  const row = () => {
    const { id, cose } = register();
    return { credential_id: base64url(id), public_key: base64url(cose) };
  };
  const column = ['--column', 'enabled=active'];
  const { stored, refused } = await imported(
    [
      { ...row(), active: 'no' },
      { ...row(), active: 'suspended' },
      { ...row(), active: 'Y' },
      { ...row(), active: null },
    ],
    ...column,
  );
  expect(refused[1]).toMatch(/^enabled_invalid: /);
  expect(stored.map((one) => one?.enabled)).toEqual([false, undefined, true, true]);
});

describe('the layout of', () => {
  test("Django's dumpdata", async () => {
    const { id, attested } = register();
    const to = await migrated();
    const fields = { user: 1, name: 'Phone', enabled: false, platform: 'Apple', added_on: '2024-03-01T10:20:30.123Z' };
    const rows = [
      {
        model: 'passkeys.userpasskey',
        pk: 7,
        fields: { ...fields, last_used: null, credential_id: base64url(id), token: base64url(attested) },
      },
    ];
    const from = file('dump.json', JSON.stringify(rows));
    const { json } = await latchkeyJson(['import', 'django-passkeys', '--from', from, ...RP_ID, ...to.at]);
    expect(json).toMatchObject({ inserted: 1, refused: [] });
    const [stored] = await to.store.passkeys.listByUser('1');
    expect(stored).toMatchObject({
      enabled: false,
      nickname: 'Phone',
      createdAt: Date.UTC(2024, 2, 1, 10, 20, 30, 123),
    });
    expect(base64url(stored!.credentialId)).toBe(base64url(id));
  });

  test('better-auth in MongoDB', async () => {
    const { id, cose } = register();
    const to = await migrated();
    const row = {
      _id: { $oid: '507f1f77bcf86cd799439011' },
      userId: { $oid: '507f1f77bcf86cd799439012' },
      credentialID: base64url(id),
      publicKey: cose.toString('base64'),
      counter: { $numberLong: '7' },
      createdAt: { $date: { $numberLong: '1709288430123' } },
      deviceType: 'multiDevice',
      name: null,
    };
    const from = file('passkey.jsonl', `${JSON.stringify(row)}\n`);
    const { json } = await latchkeyJson(['import', 'better-auth', '--from', from, ...RP_ID, ...to.at]);
    expect(json).toMatchObject({ inserted: 1, refused: [] });
    expect((await to.store.passkeys.listByUser('507f1f77bcf86cd799439012'))[0]).toMatchObject({
      signCount: 7,
      createdAt: 1_709_288_430_123,
      backupEligible: true,
      nickname: 'Passkey',
    });
  });

  test('Keycloak and spatie/laravel-passkeys: JSON in a column', async () => {
    const [one, other] = [register(), register()];
    const to = await migrated();
    const source = join(folder(), 'keycloak.db');
    const database = new BetterSqlite3(source);
    database.exec('create table credential (id text, user_id text, user_label text, credential_data text)');
    database.prepare('insert into credential values (?, ?, ?, ?)').run(
      randomUUID(),
      'f1',
      'My phone',
      JSON.stringify({
        aaguid: 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd',
        credentialId: base64url(one.id),
        counter: 3,
        credentialPublicKey: base64url(one.cose),
        transports: ['INTERNAL', 'hybrid'],
      }),
    );
    database.close();
    const keycloak = [
      'import',
      'simplewebauthn',
      '--from',
      `sqlite:${source}`,
      '--table',
      'credential',
      ...RP_ID,
      ...to.at,
    ];
    const missing = await latchkey([...keycloak, '--json-column', 'nope']);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('no such column') });
    const moved = await latchkeyJson([...keycloak, '--json-column', 'credential_data']);
    expect(moved.json).toMatchObject({ inserted: 1, refused: [] });
    expect((await to.store.passkeys.listByUser('f1'))[0]).toMatchObject({
      signCount: 3,
      nickname: 'My phone',
      aaguid: 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd',
      transports: ['internal', 'hybrid'],
    });

    const data = {
      publicKeyCredentialId: base64url(other.id),
      credentialPublicKey: base64url(other.cose),
      userHandle: base64url(other.handle),
      counter: 0,
      backupEligible: true,
      backupStatus: true,
    };
    const rows = file('spatie.json', JSON.stringify([{ id: 1, authenticatable_id: 9, name: 'Laptop', data }]));
    const spatie = ['import', 'simplewebauthn', '--from', rows, '--json-column', 'data', ...RP_ID, ...to.at];
    const laravel = await latchkeyJson([...spatie, '--column', 'userId=authenticatable_id']);
    expect(laravel.json).toMatchObject({ inserted: 1, refused: [] });
    const [stored] = await to.store.passkeys.listByUser('9');
    expect(base64url(stored!.userHandle)).toBe(base64url(other.handle));
    expect(stored).toMatchObject({ backupEligible: true, backedUp: true });
  });

  test('Supabase, as psql writes it to CSV', async () => {
    const { id, cose } = register();
    const user = randomUUID();
    const to = await migrated();
    const from = file(
      'supabase.csv',
      `id,user_id,credential_id,public_key,attestation_type,aaguid,sign_count,transports,backup_eligible,backed_up,friendly_name,created_at,last_used_at
${randomUUID()},${user},\\x${id.toString('hex')},\\x${cose.toString('hex')},none,fbfc3007-154e-4ecc-8c0b-6e020557d7bd,0,"{internal,hybrid}",t,f,"Ada's, ""best""
phone",2026-03-01 10:20:30.123+00,\n`,
    );
    const args = ['--column', 'userHandle=user_id', '--user-handle', 'utf8'];
    const { json } = await latchkeyJson(['import', 'simplewebauthn', '--from', from, ...args, ...RP_ID, ...to.at]);
    expect(json).toMatchObject({ inserted: 1, refused: [] });
    const [stored] = await to.store.passkeys.listByUser(user);
    expect(base64url(stored!.credentialId)).toBe(base64url(id));
    expect(stored).toMatchObject({
      transports: ['internal', 'hybrid'],
      backupEligible: true,
      backedUp: false,
      nickname: 'Ada\'s, "best" phone',
      createdAt: Date.UTC(2026, 2, 1, 10, 20, 30, 123),
    });
    expect(Buffer.from(stored!.userHandle).toString()).toBe(user);
  });

  test('a CSV that is not whole is refused before anything is written', async () => {
    const to = await migrated();
    const { id, cose } = register();
    const line = `${base64url(id)},${base64url(cose)},1`;
    for (const text of [
      `id,public_key,user_id\n${line},more\n`,
      `id,id,user_id\n${line}\n`,
      `id,public_key,user_id\n"${line}\n`,
    ]) {
      const from = file('rows.csv', text);
      const ran = await latchkey(['import', 'simplewebauthn', '--from', from, ...RP_ID, ...to.at]);
      expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('is no CSV with commas') });
    }
  });
});

test('a person sees lengths and an example before anything is written, and at most 64 passkeys are made', async () => {
  const to = await migrated();
  const rows = Array.from({ length: 65 }, () => {
    const { id, cose } = register();
    return { id: id.toString('hex'), publicKey: base64url(cose), userId: 'ada' };
  });
  const from = file('rows.json', JSON.stringify(rows));
  const ran = await latchkey(['import', 'simplewebauthn', '--from', from, ...RP_ID, ...to.at]);
  const example = base64url(Buffer.from(rows[0]!.id, 'hex'));
  expect(ran.stdout).toContain(`credential ids  32 bytes; 65 in hex; the first is ${example}\n`);
  expect(ran.stdout).toMatch(
    /public keys {5}77 bytes; 65 ES256; the first is .*\n\n20 passkeys read back, as written\nadded {2}64\n/,
  );
  expect(ran.stdout).toContain('too_many_passkeys');
  expect(
    (await latchkey(['import', 'simplewebauthn', '--from', from, ...RP_ID, ...to.at, '--max-passkeys', '65'])).code,
  ).toBe(2);
});

test('a store that does not give back what was written is a fault, and nothing is said to be added', async () => {
  const to = await migrated();
  const { id, cose } = register();
  // A trigger of somebody's: what a wrong column type or a proxy would do.
  await to.run(
    `create trigger ${to.prefix}meddle after insert on ${to.prefix}passkeys begin update ${to.prefix}passkeys set sign_count = 9; end`,
  );
  const from = file('rows.json', JSON.stringify([{ id: base64url(id), publicKey: base64url(cose), userId: 'ada' }]));
  const ran = await latchkey(['import', 'simplewebauthn', '--from', from, ...RP_ID, ...to.at]);
  expect(ran).toMatchObject({ code: 4, stderr: expect.stringContaining('signCount of the passkey') });
  expect(ran.stdout).not.toContain('added');
});
