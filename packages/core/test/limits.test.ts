/** Limits by themselves, on a clock that the test moves: what is counted, what is given back, and what all of it may take. */

import { createSecretKey } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { LimitRefusal, type Refusal } from '../src/errors.ts';
import { byAddress, byName, createLimits, type Limits } from '../src/http/limits.ts';
import { LIMITS, type Limiter, type RateLimitOptions } from '../src/options.ts';
import type { AttemptRecord, Reason } from '../src/record/attempt.ts';
import { conclude } from '../src/record/conclude.ts';
import { newDraft } from '../src/record/draft.ts';

// Millions are refused below, and nobody reads where.
Error.stackTraceLimit = 0;

const START = 1_800_000_000_000;

function open(options: RateLimitOptions | false = {}) {
  const clock = { now: START };
  return { clock, limits: createLimits(options, () => clock.now) };
}

/** Null where it was let in, else the limit that refused. */
async function refusedBy(asked: Promise<void>): Promise<string | null> {
  try {
    await asked;
    return null;
  } catch (refusal) {
    return refusal instanceof LimitRefusal ? refusal.limit : (refusal as Refusal).reason;
  }
}

/** How many of `count` alike are let in. */
async function letIn(count: number, ask: (at: number) => Promise<void>): Promise<number> {
  let admitted = 0;
  for (let i = 0; i < count; i++) if ((await refusedBy(ask(i))) === null) admitted++;
  return admitted;
}

const heapUsed = () => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
};

describe('a limit by address [security 13, bugs F7]', () => {
  test.each([
    ['ports', (i: number) => `203.0.113.8:${50_000 + i}`],
    ['mapped addresses with ports', (i: number) => `[::ffff:203.0.113.8]:${50_000 + i}`],
    [
      'mapped addresses in hexadecimal, and in dots',
      (i: number) => (i % 2 ? '::ffff:cb00:7108' : '::FFFF:203.0.113.8'),
    ],
    ['interfaces of one /64', (i: number) => `2001:db8:1:2::${i.toString(16)}`],
    ['made-up texts', (i: number) => `nobody-${i}`],
  ])('counts one subscriber with many %s as one', async (_what, addressOf) => {
    const { limits } = open({ limits: { options: { points: 5, seconds: 60 } } });
    expect(await letIn(50, (i) => limits.admit(byAddress('options', addressOf(i))))).toBe(5);
  });

  test('counts a mapped address apart from others of its kind', async () => {
    const { limits } = open({ limits: { options: { points: 1, seconds: 60 } } });
    expect(await letIn(50, (i) => limits.admit(byAddress('options', `::ffff:cb00:71${i + 16}`)))).toBe(50);
  });

  test('is over for a whole window, and says for how long', async () => {
    const { clock, limits } = open({ limits: { verify: { points: 2, seconds: 60 } } });
    const ask = () => limits.admit(byAddress('verify', '192.0.2.7'));
    expect(await letIn(3, ask)).toBe(2);
    clock.now += 59_000;
    await expect(ask()).rejects.toMatchObject({
      reason: 'rate_limited',
      limit: 'verify:192.0.2.7',
      retryAfter: 1,
    });
    clock.now += 1_000;
    expect(await letIn(3, ask)).toBe(2);
  });

  test('is not longer than its window where the clock is set back', async () => {
    const { clock, limits } = open({ limits: { verify: { points: 1, seconds: 60 } } });
    const ask = () => limits.admit(byAddress('verify', '192.0.2.7'));
    await ask();
    clock.now -= 86_400_000;
    expect(await letIn(2, ask)).toBe(1);
  });

  test('of another kind counts by itself', async () => {
    const { limits } = open({ limits: { options: { points: 1, seconds: 60 }, changes: { points: 1, seconds: 60 } } });
    for (const name of ['options', 'changes', 'verify'] as const) {
      expect(await refusedBy(limits.admit(byAddress(name, '192.0.2.7')))).toBeNull();
    }
  });
});

describe('an IPv6 /48', () => {
  const in48 = (i: number) => `2001:db8:1:${i.toString(16)}::1`;

  test('has a limit of its own, whichever of its 65,536 /64s it asks from', async () => {
    const { limits } = open();
    expect(await letIn(10_000, (i) => limits.admit(byAddress('options', in48(i))))).toBe(LIMITS.network.points);
    expect(await refusedBy(limits.admit(byAddress('outcome', in48(9))))).toBe('network:2001:db8:1::/48');
    expect(await refusedBy(limits.admit(byAddress('options', '2001:db8:2::1')))).toBeNull();
  });

  test('is not used up by one /64 that asks too often', async () => {
    const { limits } = open();
    expect(await letIn(20_000, () => limits.admit(byAddress('options', in48(1))))).toBe(LIMITS.options.points);
    expect(await refusedBy(limits.admit(byAddress('options', in48(2))))).toBeNull();
  });

  const NAMES = ['options', 'verify', 'outcome', 'registration', 'changes'] as const;
  const flood = (limits: Limits, subscribers: number, requests: number) =>
    letIn(subscribers * requests, (i) => limits.admit(byAddress(NAMES[i % 5]!, in48(i % subscribers))));
  const asked = (limits: Limits, neighbour: number, requests: number) =>
    letIn(requests, (i) => limits.admit(byAddress(NAMES[i % 2]!, in48(neighbour))));

  test.each([
    ['one of its /64s', 1, 800],
    ['four of its /64s', 4, 200],
    ['256 of its /64s', 256, 10],
  ])('leaves the neighbours theirs where %s take all they can get', async (_what, subscribers, left) => {
    const { clock, limits } = open();
    for (let minute = 0; minute < 2; minute++) {
      const held = await flood(limits, subscribers, 12_000 / subscribers + 600);
      expect(held).toBeLessThan(LIMITS.network.points);
      expect(await asked(limits, 0x8000, left)).toBe(left);
      expect(await refusedBy(limits.admit(byAddress('verify', in48(0))))).toMatch(/:2001:db8:1:/);
      // Their shares are of the network's own window, and end with it.
      clock.now += 60_000;
    }
  });

  test('gives a share for its own window, whenever a subscriber comes to it', async () => {
    const wide = { points: 100_000, seconds: 60 };
    const { clock, limits } = open({ limits: { options: wide, network: { points: 100, seconds: 60 } } });
    const take = () => letIn(100, () => limits.admit(byAddress('options', in48(1))));
    await limits.admit(byAddress('options', in48(2)));
    clock.now += 31_000;
    const share = await take();
    expect(share).toBeGreaterThan(20);
    clock.now += 30_000;
    expect(await take()).toBeGreaterThanOrEqual(share);
    clock.now += 31_000;
    expect(await take()).toBe(0);
  });

  test('is shared out in each process, also where one limiter counts for all of them', async () => {
    const counted: string[] = [];
    const { limits } = open({
      limits: { network: { points: 20, seconds: 60 } },
      create: (name) => ({ consume: (key) => void (name === 'network' && counted.push(key)) }),
    });
    expect(await flood(limits, 1, 50)).toBe(6);
    expect(counted).toEqual(Array.from({ length: 6 }, () => '2001:db8:1::/48'));
    expect(await asked(limits, 0x8000, 4)).toBe(4);
  });
});

test('a name is counted by the address that asks: nobody elsewhere can use it up for its owner [security 19]', async () => {
  const { limits } = open({ limits: { account: { points: 3, seconds: 60 } } });
  const ask = (address: string) => limits.admit([byName('hmac-sha256:ada', address)]);
  expect(await letIn(100, (i) => ask(`198.51.100.7:${i}`))).toBe(3);
  expect(await letIn(100, (i) => ask(`10.0.${i}.1`))).toBe(100);
  expect(await refusedBy(ask('192.0.2.7'))).toBeNull();
});

describe('the memory of the default limiters [security 21]', () => {
  test('is bounded, also where address, browser and name are new each time', async () => {
    const { clock, limits } = open();
    const send = async (count: number) => {
      for (let i = 0; i < count; i++) {
        clock.now += 0.1;
        const address = `2a${(i >>> 16).toString(16).padStart(2, '0')}:${(i & 0xffff).toString(16)}:${count.toString(16)}::1`;
        await refusedBy(
          limits.admit([
            ...byAddress('options', address),
            ['browser', `browser ${count} ${i}`],
            byName(`${i}`, address),
          ]),
        );
        await refusedBy(limits.begin({ address, issuedAt: clock.now, ttlMs: 120_000 }));
      }
    };
    const before = heapUsed();
    await send(120_000);
    const first = heapUsed() - before;
    await send(120_001);
    expect(first).toBeLessThan(150 * 1_048_576);
    expect(heapUsed() - before).toBeLessThan(first + 20 * 1_048_576);
  });

  test('forgets the oldest keys first, and none of the 50,000 that came last', async () => {
    const { limits } = open({ limits: { browser: { points: 1, seconds: 60 } } });
    const ask = (key: string) => limits.admit([['browser', key]]);
    await ask('first');
    for (let i = 0; i < 49_999; i++) await ask(`other ${i}`);
    expect(await refusedBy(ask('first'))).toBe('browser:first');
    for (let i = 0; i < 60_000; i++) await ask(`another ${i}`);
    expect(await refusedBy(ask('first'))).toBeNull();
  });
});

describe('the cap on unfinished ceremonies', () => {
  const TTL = 120_000;
  const at = (address: string, clock: { now: number }) => ({ address, issuedAt: clock.now, ttlMs: TTL });

  test('refuses no honest sign-in at 5,000 a second, and of two floods at 50,000 a second only the floods', async () => {
    // A fiftieth of everything, cap included, so that it takes seconds.
    const scale = 50;
    const { clock, limits } = open({
      limits: { unfinished: { points: LIMITS.unfinished.points / scale, seconds: 120 } },
    });
    const answered = new Map<number, ReturnType<typeof at>[]>();
    const floods = [
      (i: number) => `2001:db8:bad:1::${(i & 0xffff).toString(16)}`,
      (i: number) => `203.0.113.${i & 255}`,
    ];
    const refused = { honest: 0, floods: [0, 0] };
    for (let second = 0; second < 120; second++) {
      for (let i = 0; i < 50_000 / scale; i++) {
        clock.now = START + second * 1_000 + (i * 1_000 * scale) / 50_000;
        for (const [which, addressOf] of floods.entries()) {
          if (await refusedBy(limits.begin(at(addressOf(i), clock)))) refused.floods[which]! += 1;
        }
        if (i % 10 > 0) continue;
        // Some are neighbours of the floods: in the /48 of the first, and not in the /24 of the second.
        const host = (second * 100 + i / 10) * 7_919;
        const address =
          i % 500 === 0
            ? `2001:db8:bad:${((host & 0xfff) + 2).toString(16)}::1`
            : `10.${host & 255}.${(host >> 8) & 15}.7`;
        const ceremony = at(address, clock);
        if (await refusedBy(limits.begin(ceremony))) refused.honest += 1;
        const answeredIn = second + 3 + (i % 18);
        answered.set(answeredIn, [...(answered.get(answeredIn) ?? []), ceremony]);
      }
      for (const ceremony of answered.get(second) ?? []) limits.finish(ceremony);
    }
    expect(refused.honest).toBe(0);
    for (const of of refused.floods) expect(of).toBeGreaterThan((0.98 * 120 * 50_000) / scale);
  }, 60_000);

  test('is not refilled by those who asked before: what was answered does not count', async () => {
    const { clock, limits } = open({ limits: { unfinished: { points: 10, seconds: 120 } } });
    const signIn = async () => {
      const ceremony = at('192.0.2.7', clock);
      await limits.begin(ceremony);
      limits.finish(ceremony);
    };
    expect(await letIn(10_000, signIn)).toBe(10_000);
  });

  test('lets fall out what expired, to the second', async () => {
    const { clock, limits } = open({ limits: { unfinished: { points: 4, seconds: 120 } } });
    const begin = () => limits.begin(at('192.0.2.7', clock));
    expect(await letIn(6, begin)).toBe(4);
    clock.now += TTL - 1;
    expect(await refusedBy(begin())).toBe('unfinished:192.0.2.7');
    clock.now += 1;
    expect(await letIn(6, begin)).toBe(4);
  });

  test('goes by the life of each challenge', async () => {
    const { clock, limits } = open({ limits: { unfinished: { points: 2, seconds: 120 } } });
    await limits.begin({ address: '192.0.2.7', issuedAt: clock.now, ttlMs: 1_000 });
    await limits.begin({ address: '192.0.2.7', issuedAt: clock.now, ttlMs: 600_000 });
    clock.now += 1_000;
    expect(await letIn(3, () => limits.begin(at('192.0.2.7', clock)))).toBe(1);
  });

  test.each([
    ['/64', (i: number) => `2001:db8:1:1::${i.toString(16)}`, '2001:db8:1:2::1', 0.5 / 20],
    ['/48', (i: number) => `2001:db8:1:${(i & 0xffff).toString(16)}::1`, '2001:db8:2::1', 1 / 20],
    ['address', (i: number) => `203.0.113.7:${i}`, '203.0.113.8', 0.5 / 20],
    ['/24', (i: number) => `203.0.113.${i & 255}`, '203.0.114.1', 1 / 20],
    ['made-up texts', (i: number) => `text ${i}`, '203.0.114.1', 0.5 / 20],
  ])('has a share for one %s at most, and nobody else is refused for it', async (_what, flood, neighbour, part) => {
    const { clock, limits } = open();
    const held = await letIn(LIMITS.unfinished.points / 10, (i) => limits.begin(at(flood(i), clock)));
    expect(held).toBeLessThanOrEqual(LIMITS.unfinished.points * part);
    expect(held).toBeGreaterThan((LIMITS.unfinished.points * part) / 2);
    expect(await letIn(1_000, () => limits.begin(at(neighbour, clock)))).toBe(1_000);
  });

  test('leaves room for those who have little where 500 networks take all they can get, and is never passed', async () => {
    const points = 20_000;
    const { clock, limits } = open({ limits: { unfinished: { points, seconds: 120 } } });
    const held = await letIn(500 * 60, (i) => limits.begin(at(`10.${i % 2}.${(i >> 1) % 250}.${i % 7}`, clock)));
    const others = await letIn(1_000, (i) => limits.begin(at(`172.${i & 15}.${i >> 4}.1`, clock)));
    expect(others).toBe(1_000);
    const rest = await letIn(points, (i) => limits.begin(at(`2001:${i.toString(16)}::1`, clock)));
    expect(held + others + rest).toBe(points);
  });

  test('never counts below nothing: what is given back twice, or was begun elsewhere, makes no room', async () => {
    const { clock, limits } = open({ limits: { unfinished: { points: 4, seconds: 120 } } });
    for (let i = 0; i < 100; i++) limits.finish(at('192.0.2.7', clock));
    expect(await letIn(6, () => limits.begin(at('192.0.2.7', clock)))).toBe(4);
  });

  test('gives nothing back of another second than the one that expires', async () => {
    const { clock, limits } = open({ limits: { unfinished: { points: 8, seconds: 120 } } });
    expect(await letIn(5, () => limits.begin(at('192.0.2.7', clock)))).toBe(4);
    clock.now += 10_000;
    await limits.begin(at('203.0.113.8', clock));
    for (let i = 0; i < 3; i++) limits.finish(at('192.0.2.7', clock));
    expect(await refusedBy(limits.begin(at('192.0.2.7', clock)))).toBe('unfinished:192.0.2.7');
  });

  test('balances between processes that answer what another one issued', async () => {
    const clock = { now: START };
    const rule = { limits: { unfinished: { points: 2_000, seconds: 120 } } };
    const processes = [createLimits(rule, () => clock.now), createLimits(rule, () => clock.now)];
    const underWay: ReturnType<typeof at>[] = [];
    let drawn = 1;
    const either = (): Limits => {
      drawn = (drawn * 48_271) % 0x7fffffff;
      return processes[drawn & 1]!;
    };
    let refused = 0;
    // 100 a second, each answered after 10 seconds: 500 unfinished in each process, of 12,000 issued in the life of one.
    for (let i = 0; i < 60_000; i++) {
      clock.now += 10;
      const ceremony = at(`10.${i % 200}.${i % 11}.1`, clock);
      if (await refusedBy(either().begin(ceremony))) refused++;
      underWay.push(ceremony);
      if (underWay.length > 1_000) either().finish(underWay.shift()!);
    }
    expect(refused).toBe(0);
  });

  test('is counted by a shared limiter beside, which gets points back where it can take them', async () => {
    const taken: string[] = [];
    const shared: Limiter = {
      consume: async (key) => taken.push(`consume ${key}`),
      reward: async (key) => {
        taken.push(`reward ${key}`);
        throw new Error('down');
      },
    };
    const { clock, limits } = open({ create: (name) => (name === 'unfinished' ? shared : { consume() {} }) });
    const ceremony = at('192.0.2.7', clock);
    await limits.begin(ceremony);
    limits.finish(ceremony);
    expect(taken).toEqual(['consume all', 'reward all']);
    const { limits: without } = open({ create: () => ({ consume: async () => {} }) });
    await without.begin(ceremony);
    without.finish(ceremony);
  });

  test('counts nothing of what the shared limiter refused, or could not count', async () => {
    let answer: unknown = { msBeforeNext: 7_000 };
    const { clock, limits } = open({
      limits: { unfinished: { points: 4, seconds: 120 } },
      create: () => ({ consume: () => (answer === null ? undefined : Promise.reject(answer)) }),
    });
    const begin = () => limits.begin(at('192.0.2.7', clock));
    await expect(begin()).rejects.toMatchObject({ limit: 'unfinished:all', retryAfter: 7 });
    answer = new Error('connection lost');
    for (let i = 0; i < 20; i++) expect(await refusedBy(begin())).toBe('store_unavailable');
    answer = null;
    expect(await letIn(6, begin)).toBe(4);
  });

  test('is off where limits are off', async () => {
    const { clock, limits } = open(false);
    expect(await letIn(1_000, () => limits.begin(at('192.0.2.7', clock)))).toBe(1_000);
    limits.finish(at('192.0.2.7', clock));
    expect(await letIn(1_000, () => limits.admit(byAddress('options', '192.0.2.7')))).toBe(1_000);
  });
});

const IDENTITY_KEY = { id: '00000000', key: createSecretKey(new Uint8Array(32)), isEphemeral: false };

describe('the records of refusals [security 3]', () => {
  const record = (address: string, now: number): AttemptRecord =>
    conclude(
      { ...newDraft('latchkey.signin.attempt', now), address, userAgent: 'agent' },
      { outcome: 'failure', reason: 'origin_denied', source: 'server' },
      {
        now,
        receivedAt: now,
        http: { method: 'POST', route: '/authentication/options', status: 403 },
        rpId: 'example.com',
        framework: 'none',
        identityKey: IDENTITY_KEY,
        span: null,
      },
    );

  const refusal = (key: string, now: number, reason: Reason = 'origin_denied') => ({
    key,
    reason,
    record: record(key, now),
    now,
  });

  const counts = (records: readonly (AttemptRecord | null)[]) =>
    records.flatMap((each) => (each ? [each.event.repeatCount] : []));

  test.each([
    ['on', {}],
    ['off', false],
  ] as const)('are one at once, then one a minute that counts the rest, with limits %s', (_what, options) => {
    const { limits } = open(options);
    const refuseAt = (seconds: number) => limits.fold(refusal('192.0.2.7', START + seconds * 1_000));
    expect(counts([refuseAt(0)])).toEqual([1]);
    expect(counts(Array.from({ length: 100 }, (_, i) => refuseAt(1 + i / 2)))).toEqual([]);
    expect(limits.release(START + 59_999)).toEqual([]);
    expect(counts(limits.release(START + 60_000))).toEqual([100]);
    // That record is the next window's: what comes in it waits until its end.
    expect(counts([refuseAt(61), refuseAt(100)])).toEqual([]);
    expect(limits.release(START + 119_999)).toEqual([]);
    expect(counts(limits.release(START + 120_000))).toEqual([2]);
    // A window in which nothing was refused ends it.
    expect(limits.release(START + 180_000)).toEqual([]);
    expect(counts([refuseAt(181)])).toEqual([1]);
  });

  test('do not wait for a sweep while refusals go on', () => {
    const { limits } = open();
    const refuseAt = (seconds: number) => limits.fold(refusal('192.0.2.7', START + seconds * 1_000));
    expect(counts([refuseAt(0), refuseAt(10), refuseAt(59), refuseAt(60), refuseAt(61), refuseAt(125)])).toEqual([
      1, 3, 2,
    ]);
  });

  test('are one a key, reason and window, and lose none, whenever they are refused and released', () => {
    const { limits } = open();
    const times: number[] = [];
    let refused = 0;
    let told = 0;
    let drawn = 7;
    const take = (records: readonly (AttemptRecord | null)[], now: number) => {
      for (const each of records) {
        if (each === null) continue;
        times.push(now);
        told += each.event.repeatCount!;
      }
    };
    for (let now = START; now < START + 3_600_000; now += drawn % 9_000) {
      drawn = (drawn * 48_271) % 0x7fffffff;
      refused += 1;
      take([limits.fold(refusal('192.0.2.7', now))], now);
      if (drawn % 7 === 0) take(limits.release(now), now);
    }
    take(limits.release(Number.POSITIVE_INFINITY), START + 7_200_000);
    expect(told).toBe(refused);
    for (const [i, time] of times.entries()) if (i > 0) expect(time - times[i - 1]!).toBeGreaterThanOrEqual(60_000);
  });

  test('each have an attempt of their own, and say when the first that they stand for was', () => {
    const { limits } = open();
    const first = limits.fold(refusal('192.0.2.7', START))!;
    for (const seconds of [10, 20, 30]) limits.fold(refusal('192.0.2.7', START + seconds * 1_000));
    const [second] = limits.release(START + 60_000);
    expect(second!.attempt.id).not.toBe(first.attempt.id);
    expect([first, second].map((each) => Date.parse(each!.event.time))).toEqual([START, START + 10_000]);
  });

  test('are told apart by key and by reason', () => {
    const { limits } = open();
    const all = ['192.0.2.7', '192.0.2.8'].flatMap((key) =>
      (['origin_denied', 'rate_limited', 'malformed_request'] as const).map((reason) => refusal(key, START, reason)),
    );
    expect(counts(all.map(limits.fold))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(counts(all.map(limits.fold))).toEqual([]);
  });

  test('are some 200 a minute at most, those in common without the address of anybody', () => {
    const { limits } = open();
    let made = 0;
    for (let i = 0; i < 100_000; i++) {
      if (limits.fold(refusal(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, START + i / 2))) made++;
    }
    expect(made).toBe(201);
    const released = limits.release(START + 61_000);
    expect(counts(released)).toEqual([100_000 - 201]);
    expect(released[0]!.client).toMatchObject({ address: null, userAgent: null });
  });

  test('of a key are told apart again when the window of others is over', () => {
    const { limits } = open();
    for (let i = 0; i < 300; i++) limits.fold(refusal(`10.0.0.${i}`, START));
    limits.release(START + 60_000);
    const own = limits.fold(refusal('192.0.2.7', START + 60_000));
    expect(own).toMatchObject({ event: { repeatCount: 1 }, client: { address: '192.0.2.7' } });
  });
});
