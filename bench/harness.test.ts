import { describe, expect, it } from 'vitest';

interface Sample {
  readonly seconds: number;
  readonly probe: number;
  readonly waiting: number;
}
interface Result {
  readonly seconds: number;
  readonly kept: number;
  readonly taken: number;
  readonly gated: boolean;
}
type Times = Map<string, { readonly ran: number; readonly waited: number }>;
interface Gate {
  take(sample: () => Promise<number>, pid: number): Promise<Sample>;
  judge(sample: Sample): boolean;
}
interface Competitor {
  readonly name: string;
  run(n: number): Promise<number>;
}
type Race = (
  competitors: Competitor[],
  limits: { gate: Gate; seconds: number; quick?: boolean },
) => Promise<Map<string, Result>>;
type CreateGate = (probe: () => Promise<number>, options: { warmUp: number; times?: () => Times }) => Promise<Gate>;

// Plain scripts without declarations: their forms are stated above.
const load = (file: string): Promise<unknown> => import(new URL(file, import.meta.url).href);
const { race } = (await load('harness.mjs')) as { race: Race };
const { createGate } = (await load('gate.mjs')) as { createGate: CreateGate };

const never = (): Times => new Map();
const quiet = () => createGate(async () => 100, { warmUp: 3, times: never });

describe('createGate', () => {
  it('keeps a sample only if the probes before and after it are near the best one seen', async () => {
    const rates = [100, 100, 100, 92, 94, 94];
    const gate = await createGate(async () => rates.shift()!, { warmUp: 2, times: never });
    const disturbed = await gate.take(async () => 1, 1);
    const undisturbed = await gate.take(async () => 1, 1);
    expect([gate.judge(disturbed), gate.judge(undisturbed)]).toEqual([false, true]);
  });

  it('drops a sample whose thread waited for a core for more than a twentieth of the time', async () => {
    const waits = [0, 0.04, 0.04, 0.1];
    const times = (): Times => new Map([['1', { ran: 1, waited: waits.shift()! }]]);
    const gate = await createGate(async () => 100, { warmUp: 1, times });
    const first = await gate.take(async () => 1, 1);
    const second = await gate.take(async () => 1, 1);
    expect([gate.judge(first), gate.judge(second)]).toEqual([true, false]);
  });

  it('does not mind that a thread in the background waited', async () => {
    let at = 0;
    const times = (): Times => {
      at++;
      return new Map([
        ['at work', { ran: at, waited: 0 }],
        ['collector', { ran: at / 10, waited: at }],
      ]);
    };
    const gate = await createGate(async () => 100, { warmUp: 1, times });
    expect(gate.judge(await gate.take(async () => 1, 1))).toBe(true);
  });

  it('judges old samples by the best probe of all', async () => {
    const rates = [50, 50, 50, 100, 100];
    const gate = await createGate(async () => rates.shift()!, { warmUp: 1, times: never });
    const early = await gate.take(async () => 1, 1);
    expect(gate.judge(early)).toBe(true);
    await gate.take(async () => 1, 1);
    expect(gate.judge(early)).toBe(false);
  });
});

describe('race', () => {
  it('lets the competitors take turns, another one first in each round', async () => {
    const order: string[] = [];
    const competitor = (name: string): Competitor => ({
      name,
      run: async (n) => {
        order.push(name);
        return n;
      },
    });
    await race([competitor('a'), competitor('b')], { gate: await quiet(), seconds: 0 });
    // Two runs each to warm up, then three rounds.
    expect(order.join('')).toBe('aabbabbaab');
  });

  it('gives the time of one repetition, whatever a sample was made of', async () => {
    const short: Competitor = { name: 'short', run: async (n) => n * 1e-5 };
    const results = await race([short], { gate: await quiet(), seconds: 0 });
    expect(results.get('short')!.seconds).toBeCloseTo(1e-5, 9);
  });

  it('makes short samples longer by repetition', async () => {
    const asked: number[] = [];
    const run = async (n: number) => {
      asked.push(n);
      return n * 1e-5;
    };
    await race([{ name: 'short', run }], { gate: await quiet(), seconds: 0 });
    expect(asked.at(-1)! * 1e-5).toBeGreaterThanOrEqual(0.02);
  });

  it('takes the border of the lowest third of the kept samples', async () => {
    const times = [1, 1, 5, 3, 4];
    const results = await race([{ name: 'one', run: async () => times.shift()! }], { gate: await quiet(), seconds: 0 });
    expect(results.get('one')).toEqual({ seconds: 4, kept: 3, taken: 3, gated: true });
  });

  it('never compares quiet samples of one with noisy samples of another', async () => {
    let waiting = 0;
    const times = (): Times => new Map([['1', { ran: 1, waited: waiting }]]);
    const gate = await createGate(async () => 100, { warmUp: 1, times });
    const calm: Competitor = { name: 'calm', run: async () => 1 };
    const shoved: Competitor = {
      name: 'shoved',
      run: async () => {
        waiting += 0.5;
        return 2;
      },
    };
    const results = await race([calm, shoved], { gate, seconds: 0 });
    expect(results.get('calm')).toEqual({ seconds: 1, kept: 3, taken: 3, gated: false });
    expect(results.get('shoved')).toEqual({ seconds: 2, kept: 0, taken: 3, gated: false });
  });
});
