import { describe, expect, it } from 'vitest';
import { assemble, type Call, kernel, values } from '../../../native/test/assemble.js';
import { validCalls, validSegments } from '../../../native/test/valid-calls.js';
import { loadAddon, type NativeAddon, type NativeBuffer } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

/** Whole numbers below `limit`, reproducible. */
const dice = (seed: number): ((limit: number) => number) => {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
};

/** What a word may turn into: near what it was, at a limit of some type, or of another meaning (a float's bits). */
const replacements: readonly ((word: bigint, roll: (limit: number) => number) => bigint)[] = [
  (word) => word + 1n,
  (word) => word - 1n,
  (word) => -word,
  (word) => word * 2n,
  (word) => word / 2n,
  (_, roll) => BigInt(roll(4)),
  (_, roll) => BigInt(roll(16)),
  (_, roll) => BigInt(roll(110)),
  (_, roll) => BigInt(4 * roll(300)),
  (_, roll) => BigInt(roll(4096)),
  () => -1n,
  () => 1n << 31n,
  () => (1n << 32n) + 4n,
  () => 1n << 46n,
  () => 1n << 62n,
  () => -(1n << 63n),
  () => 0x3ff8000000000000n,
  () => 0x7ff8000000000000n,
  (word, roll) => word ^ (1n << BigInt(roll(63))),
];

const headerWords = 5;
const headWords = headerWords + 3 * validSegments.length;

/** One to three words replaced; those of segments and the header seldom, or few programs would come to their calls. */
const mutated = (bytes: Uint8Array, roll: (limit: number) => number): { bytes: Uint8Array; head: boolean } => {
  const words = new BigInt64Array(bytes.slice().buffer);
  let head = false;
  for (let changes = roll(2) * roll(3); changes >= 0; changes--) {
    const at = roll(20) === 0 ? roll(headWords) : headWords + roll(words.length - headWords);
    head ||= at < headWords;
    words[at] = BigInt.asIntN(64, replacements[roll(replacements.length)]!(words[at]!, roll));
  }
  return { bytes: new Uint8Array(words.buffer), head };
};

/** Longer, over other programs: a number in `NONET_FUZZ`. */
const times = Math.max(1, Number(process.env.NONET_FUZZ) || 1);

/** Bytes behind every segment that a program must leave alone. */
const fence = 512;

describe('a program with words replaced', () => {
  const initial = validSegments.map(([, bytes], i) => {
    const content = new Uint8Array(bytes + fence).fill(0xa5, bytes);
    const inside = i === 2 ? Int32Array.from({ length: bytes / 4 }, (_, j) => j % 5) : values(bytes / 4, i + 1, 1);
    content.set(new Uint8Array(inside.buffer), 0);
    return content;
  });
  const readBack = (buffer: NativeBuffer, index: number): Uint8Array => {
    const data = new Uint8Array(initial[index]!.length);
    addon.read(buffer, 0, data);
    return data;
  };
  /** Read-only segments stay whole, others up to their end. */
  const expectOnlyItsOwnIsWritten = (buffers: readonly NativeBuffer[], what: string): void => {
    validSegments.forEach(([kind, bytes], i) => {
      const from = kind === 2 || kind === 4 ? 0 : bytes;
      const [got, want] = [readBack(buffers[i]!, i).subarray(from), initial[i]!.subarray(from)];
      if (Buffer.compare(got, want) !== 0) expect.fail(`${what} wrote outside of what it may, at segment ${i}`);
    });
  };

  const fuzz = async (calls: readonly Call[], seed: number, rounds: number) => {
    const roll = dice(seed);
    const bytes = assemble(validSegments, calls);
    const outcome = { refused: 0, ran: 0 };
    const buffers = initial.map((content) => addon.allocate(content.length));
    for (let round = 0; round < rounds; round++) {
      buffers.forEach((buffer, i) => addon.write(buffer, 0, initial[i]!));
      const program = mutated(bytes, roll);
      try {
        await addon.run(addon.load(program.bytes), buffers, 1, 1 + (round % 2));
        outcome.ran++;
      } catch (error) {
        expect(['E_PROGRAM', 'E_MEMORY'], `round ${round}: ${error}`).toContain((error as { code?: string }).code);
        outcome.refused++;
      }
      // A segment that was made longer may end inside the fence.
      if (!program.head) expectOnlyItsOwnIsWritten(buffers, `round ${round}`);
    }
    for (const buffer of buffers) addon.free(buffer);
    return outcome;
  };

  const runWhole = async (calls: readonly Call[]): Promise<void> => {
    const buffers = initial.map((content) => addon.allocate(content.length));
    buffers.forEach((buffer, i) => addon.write(buffer, 0, initial[i]!));
    await addon.run(addon.load(assemble(validSegments, calls)), buffers, 1, 1);
    expectOnlyItsOwnIsWritten(buffers, 'the program that is not broken');
    for (const buffer of buffers) addon.free(buffer);
  };

  it('is tried for every kernel', () => {
    const tried = Object.values(validCalls).flatMap((calls) => calls.map((call) => call.kernel));
    const missing = Object.entries(kernel).filter(([, number]) => !tried.includes(number));
    expect(missing, 'kernels without a call in native/test/valid-calls.ts').toEqual([]);
  });

  it.each(Object.entries(validCalls))('is refused, or runs inside its segments: %s', async (name, calls) => {
    await runWhole(calls);
    const rounds = name.includes('row program') ? 2000 * times : 500 * times;
    const { refused, ran } = await fuzz(calls, name.length * 7919 + calls.length + times, rounds);
    expect(refused, 'refused').toBeGreaterThan(rounds / 10);
    expect(ran, 'ran').toBeGreaterThan(rounds / 10);
  });
});
