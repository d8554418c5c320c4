import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBytes } from '../codec/index.js';
import { memoryStore } from './byte-store.js';
import { bitWeights, type EvaluationOptions, evaluationWindows } from './windows.js';

const noise = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 2654435761) >>> 23);

/** How often each bit of the data is a target that counts, and how many targets, masks or weights say otherwise. */
function countTargets(bytes: Uint8Array, options: EvaluationOptions, rows: number) {
  const { bitsPerPatch, parity, contextLength } = options;
  const frameBits = parity ? 9 : 8;
  const bits = encodeBytes(bytes, { parity });
  const counts = new Uint8Array(bits.length);
  let wrong = 0;
  for (const batch of evaluationWindows(options).batches(rows)) {
    const payload = bitWeights(batch.payloadMasks, bitsPerPatch);
    const parities = bitWeights(batch.parityMasks, bitsPerPatch);
    for (let patch = 0; patch < batch.targets.length; patch++) {
      const row = Math.floor(patch / contextLength);
      let counted = false;
      for (let bit = 0; bit < bitsPerPatch; bit++) {
        const at = patch * bitsPerPatch + bit;
        if (payload[at] === 0 && parities[at] === 0) continue;
        counted = true;
        const position = batch.firstTargetBits[row]! + (patch - row * contextLength) * bitsPerPatch + bit;
        if (((batch.targets[patch]! >> (bitsPerPatch - 1 - bit)) & 1) !== bits[position]) wrong += 1;
        const isParity = position % frameBits === 8 ? 1 : 0;
        if (parities[at] !== isParity || payload[at] !== 1 - isParity) wrong += 1;
        counts[position]! += 1;
      }
      if (batch.weights[patch] !== (counted ? 1 : 0)) wrong += 1;
    }
  }
  return { counts, wrong };
}

const layouts = fc.record({ bitsPerPatch: fc.integer({ min: 1, max: 12 }), parity: fc.boolean() });

describe('evaluationWindows', () => {
  it('counts every bit of every byte but the first exactly once', () => {
    fc.assert(
      fc.property(
        layouts,
        fc.integer({ min: 2, max: 80 }),
        fc.integer({ min: 17, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
        (layout, length, contextLength, rows, wish) => {
          const bytes = noise(length);
          const plain = { ...layout, store: memoryStore(bytes), contextLength, allowShort: true };
          const longest = Math.floor(evaluationWindows(plain).stride);
          const stride = wish === undefined || longest < 1 ? undefined : 1 + ((wish - 1) % longest);
          const { counts, wrong } = countTargets(bytes, { ...plain, stride }, rows);
          expect(wrong).toBe(0);
          const frameBits = layout.parity ? 9 : 8;
          expect([...counts.subarray(0, frameBits)]).toEqual(new Array(frameBits).fill(0));
          expect([...counts.subarray(frameBits)]).toEqual(new Array(counts.length - frameBits).fill(1));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('says how many bits it counts', () => {
    const windows = evaluationWindows({
      store: memoryStore(noise(50)),
      bitsPerPatch: 9,
      parity: true,
      contextLength: 7,
    });
    let payload = 0;
    let parity = 0;
    for (const batch of windows.batches(3)) {
      payload += bitWeights(batch.payloadMasks, 9).reduce((sum, weight) => sum + weight, 0);
      parity += bitWeights(batch.parityMasks, 9).reduce((sum, weight) => sum + weight, 0);
    }
    expect([windows.payloadBits, windows.parityBits]).toEqual([payload, parity]);
    expect([payload, parity]).toEqual([49 * 8, 49]);
  });

  it('starts a window with the byte before the bytes that it counts', () => {
    const store = memoryStore(Uint8Array.from({ length: 12 }, (_, index) => index));
    const windows = evaluationWindows({ store, bitsPerPatch: 8, parity: false, contextLength: 4 });
    const { inputs, targets, weights } = windows.batch(0, windows.count);
    expect([...inputs]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect([...targets]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]);
    expect([...weights]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
  });

  it('counts in every window after the first only the last bytes of the stride', () => {
    const store = memoryStore(Uint8Array.from({ length: 10 }, (_, index) => index));
    const windows = evaluationWindows({ store, bitsPerPatch: 8, parity: false, contextLength: 4, stride: 2 });
    const { inputs, weights } = windows.batch(0, windows.count);
    expect([...inputs]).toEqual([0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9]);
    expect([...weights]).toEqual([1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0]);
  });

  it('keeps patches of bits in the places of the byte that training shows them in', () => {
    const bytes = noise(9);
    // 32 bits: the byte before, and three bytes less one bit that only the last target shows.
    const windows = evaluationWindows({ store: memoryStore(bytes), bitsPerPatch: 1, parity: false, contextLength: 32 });
    const { inputs, weights } = windows.batch(1, 1);
    expect([...inputs.subarray(0, 8)]).toEqual([...encodeBytes(bytes.subarray(3, 4), { parity: false })]);
    expect([...weights]).toEqual([...new Array(7).fill(0), ...new Array(24).fill(1), 0]);
  });

  it('leaves rows past the last window empty', () => {
    const windows = evaluationWindows({
      store: memoryStore(noise(9)),
      bitsPerPatch: 8,
      parity: false,
      contextLength: 4,
    });
    const { weights } = windows.batch(windows.count - 1, 3);
    expect([...weights]).toEqual([1, 1, 1, 1, ...new Array(8).fill(0)]);
  });

  it.each([
    ['data shorter than a window', { contextLength: 64 }, 'E_DATA'],
    ['a single byte', { store: memoryStore(noise(1)), allowShort: true }, 'E_DATA'],
    ['a context of less than two bytes', { bitsPerPatch: 1, contextLength: 14 }, 'E_CONFIG'],
    ['a stride longer than a window', { stride: 9 }, 'E_CONFIG'],
    ['a stride of no byte', { stride: 0 }, 'E_CONFIG'],
  ])('refuses %s', (_, changes, code) => {
    const options = { store: memoryStore(noise(40)), bitsPerPatch: 8, parity: false, contextLength: 8, ...changes };
    expect(() => evaluationWindows(options)).toThrow(expect.objectContaining({ code }));
  });
});
