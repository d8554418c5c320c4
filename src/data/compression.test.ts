import { describe, expect, it } from 'vitest';
import { decodeBytes, encodeBytes, patchesToBits, runLengthDecode, runLengthEncode } from '../codec/index.js';
import { batchBytes } from './batch-rows.js';
import { createBatcher } from './batches.js';
import { memoryStore } from './byte-store.js';
import { batchKind, type CompressionRamp, compressionProbability } from './compression.js';
import { createEpochBatcher } from './epochs.js';

const ramp: CompressionRamp = { start: 0.1, end: 0.6, steps: 200, direct: 0.25 };
const always = (direct: number): CompressionRamp => ({ start: 1, end: 1, steps: 0, direct });

const text = new TextEncoder().encode(
  'It was the whiteness of the whale that above all things appalled me. '.repeat(9),
);

describe('compressionProbability', () => {
  it('goes up half a cosine and stays', () => {
    expect([0, 100, 200, 1e9].map((step) => compressionProbability(ramp, step))).toEqual([0.1, 0.35, 0.6, 0.6]);
    expect(compressionProbability(ramp, 50)).toBeCloseTo(0.1 + (0.5 * (1 - Math.SQRT1_2)) / 2, 12);
    expect(compressionProbability({ ...ramp, steps: 0 }, 0)).toBe(0.6);
  });
});

describe('batchKind', () => {
  it('is a function of seed and step that follows the ramp and the share', () => {
    const steps = 4000;
    const kinds = Array.from({ length: steps }, (_, step) => batchKind({ ...ramp, steps }, 3, step));
    expect(kinds.slice(5, 9)).toEqual([5, 6, 7, 8].map((step) => batchKind({ ...ramp, steps }, 3, step)));
    expect(kinds).not.toEqual(kinds.map((_, step) => batchKind({ ...ramp, steps }, 4, step)));
    for (const [from, to] of [
      [0, 400],
      [1800, 2200],
      [3600, 4000],
    ] as const) {
      const part = kinds.slice(from, to);
      let expected = 0;
      for (let step = from; step < to; step++) expected += compressionProbability({ ...ramp, steps }, step);
      const coded = part.filter((kind) => kind !== 'plain').length;
      expect(Math.abs(coded - expected)).toBeLessThan(4 * Math.sqrt(to - from) * 0.5);
    }
    const direct = kinds.filter((kind) => kind === 'direct').length;
    expect(Math.abs(direct / kinds.filter((kind) => kind !== 'plain').length - 0.25)).toBeLessThan(0.05);
    expect(batchKind(undefined, 3, 0)).toBe('plain');
    expect([0, 1].map((share) => batchKind(always(share), 3, 7))).toEqual(['compressed', 'direct']);
  });
});

const layouts = [
  { bitsPerPatch: 1, parity: false },
  { bitsPerPatch: 8, parity: false },
  { bitsPerPatch: 9, parity: true },
  { bitsPerPatch: 5, parity: true },
];
const [contextLength, batchSize] = [20, 3];
const length = contextLength + 1;

describe.each(layouts)('batches with patches of $bitsPerPatch bits, parity $parity', ({ bitsPerPatch, parity }) => {
  const options = { store: memoryStore(text), bitsPerPatch, parity, contextLength, batchSize, seed: 5 };
  const epoch = { epochs: 1, extraSteps: 1, accumulation: 1 };
  const perRow = length * bitsPerPatch;
  const rowsOf = (patches: Int32Array): Uint8Array[] => {
    const bits = patchesToBits(patches, bitsPerPatch);
    return Array.from({ length: bits.length / perRow }, (_, row) => bits.subarray(row * perRow, (row + 1) * perRow));
  };
  const frames = encodeBytes(text, { parity });

  it('hold, when compressed, the code of the windows that plain ones show', () => {
    const pairs = [
      [createBatcher(options), createBatcher({ ...options, compression: always(0) })],
      [
        createEpochBatcher({ ...options, ...epoch }),
        createEpochBatcher({ ...options, ...epoch, compression: always(0) }),
      ],
    ] as const;
    for (const [plainly, coded] of pairs) {
      for (const step of [0, 4]) {
        const [plain, compressed] = [plainly.batch(step), coded.batch(step)];
        const { code, starts } = compressed;
        const codes = [...starts].map((start, row) => code.subarray(start, starts[row + 1] ?? code.length));
        expect(codes.map(runLengthDecode)).toEqual(rowsOf(plain.patches));
        expect(compressed).toMatchObject({ kind: 'compressed', rows: plain.rows, patches: new Int32Array() });
        expect(batchBytes(compressed)).toBe(code.length + 4 * plain.rows);
        expect(batchBytes(plain)).toBe(4 * plain.rows * length);
      }
    }
  });

  it('show, when direct, the code of the data from where the plain windows begin', () => {
    const frameBits = parity ? 9 : 8;
    const ring = (start: number): Uint8Array => Uint8Array.from(frames, (_, i) => frames[(start + i) % frames.length]!);
    const [plain, direct] = [0, 1].map((share) =>
      createBatcher({ ...options, ...(share && { compression: always(share) }) }).batch(2),
    );
    expect(direct).toMatchObject({ kind: 'direct', rows: batchSize, code: new Uint8Array() });
    const [windows, rows] = [rowsOf(plain!.patches), rowsOf(direct!.patches)];
    rows.forEach((row, i) => {
      // The window says where it begins; in a text with repetitions any such place has the same code for some while.
      const start = frames.findIndex((_, at) => windows[i]!.every((bit, j) => frames[at + j] === bit));
      const whole = encodeBytes(runLengthEncode(ring(start)), { parity });
      expect([...row]).toEqual([...whole.subarray(0, perRow)]);
      const pairs = decodeBytes(row.subarray(0, Math.floor(perRow / frameBits) * frameBits), { parity });
      for (let at = 0; at < pairs.length; at += 2) expect(pairs[at]).toBeLessThan(2);
    });
  });
});

describe('direct rows', () => {
  it('go on at the beginning where the data ends, and have no end where all bits are alike', () => {
    const layout = { bitsPerPatch: 8, parity: false, contextLength: 5, batchSize: 1, seed: 1, compression: always(1) };
    const ones = createBatcher({ ...layout, store: memoryStore(new Uint8Array(6).fill(255)) });
    expect([...ones.batch(0).patches]).toEqual([1, 255, 1, 255, 1, 255]);
    // 01010101 six times over: the code of the ring is all single bits.
    const steps = createBatcher({ ...layout, store: memoryStore(new Uint8Array(6).fill(0x55)) });
    expect([...steps.batch(0).patches]).toEqual([0, 1, 1, 1, 0, 1]);
    // Ten zeros, 38 ones, and again from the beginning.
    const wrapped = createBatcher({ ...layout, store: memoryStore(Uint8Array.of(0, 0x3f, 255, 255, 255, 255)) });
    expect([...wrapped.batch(0).patches]).toEqual([0, 10, 1, 38, 0, 10]);
  });
});
