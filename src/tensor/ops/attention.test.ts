import { describe, expect, it } from 'vitest';
import { elementCount } from '../types.js';
import { attention, attentionOp, attentionWithLogSumExp } from './attention.js';
import { attentionEntropy, attentionMap } from './attention-maps.js';
import { attentionSizes } from './attention-shapes.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { slice } from './slice.js';

const ramp = (shape: readonly number[], factor: number) =>
  array(
    Float64Array.from({ length: elementCount(shape) }, (_, i) => ((i * factor) % 13) / 6 - 1),
    shape,
  );
const [q, k, v] = [ramp([2, 3, 2, 4], 5), ramp([2, 3, 2, 4], 7), ramp([2, 3, 2, 4], 11)];
const plain = { causal: false, scale: 1, chunkSize: 0, overlap: 0, keyLength: false, queryOffset: false };
const lengths = (...data: number[]) => array(data, [2], 'i32');

describe('attention', () => {
  it('gives the mean of the values where all scores are equal', () => {
    const [o] = evaluateFunction(
      (x, y, z) => [attention({ q: x!, k: y!, v: z! })],
      { ...q, data: q.data.map(() => 0) },
      k,
      v,
    );
    const rowMean = (batch: number, i: number) =>
      [0, 1, 2].reduce((sum, key) => sum + v.data[(batch * 3 + key) * 8 + i]!, 0) / 3;
    for (let i = 0; i < 8; i++) {
      expect(o!.data[i]).toBeCloseTo(rowMean(0, i), 12);
      expect(o!.data[24 + i]).toBeCloseTo(rowMean(1, i), 12);
    }
  });

  it('never lets a causal query see a later key', () => {
    const run = (values: Float64Array) =>
      evaluateFunction((x, y, z) => [attention({ q: x!, k: y!, v: z! }, { causal: true })], q, k, {
        ...v,
        data: values,
      })[0]!.data;
    const changed = v.data.slice();
    changed[2 * 8] = 99; // the last key of the first batch entry
    const [before, after] = [run(v.data), run(changed)];
    expect(after.slice(0, 16)).toEqual(before.slice(0, 16));
    expect(after[16]).not.toBe(before[16]);
  });

  it('sees one key more for each step of the offset, and none beyond the key length', () => {
    const [open, moved, cut, short] = evaluateFunction(
      (x, y, z, offset, length) => [
        attention({ q: x!, k: y!, v: z! }),
        attention({ q: x!, k: y!, v: z!, queryOffset: offset! }, { causal: true }),
        attention({ q: x!, k: y!, v: z!, keyLength: length! }),
        attention({ q: x!, k: y!, v: z!, keyLength: length!, queryOffset: offset! }, { causal: true }),
      ],
      ...[q, k, v, lengths(2, 2), lengths(3, 1)],
    );
    expect(moved).toEqual(open);
    expect(cut!.data.slice(0, 24)).toEqual(open!.data.slice(0, 24));
    expect(cut!.data.slice(24, 32)).toEqual(v.data.slice(24, 32));
    expect(short).toEqual(cut);
  });

  it('gives 0, and -infinity as log sum, where no key is visible', () => {
    const [o, logSumExp] = evaluateFunction(
      (x, y, z, keyLength) => {
        const result = attentionWithLogSumExp({ q: x!, k: y!, v: z!, keyLength: keyLength! });
        return [result.o, result.logSumExp];
      },
      ...[q, k, v, lengths(0, 3)],
    );
    expect(new Set(o!.data.slice(0, 24))).toEqual(new Set([0]));
    expect(new Set(logSumExp!.data.slice(0, 6))).toEqual(new Set([Number.NEGATIVE_INFINITY]));
    expect(logSumExp!.data.slice(6).every(Number.isFinite)).toBe(true);
  });

  it.each([true, false])('sees its own chunk of positions and the overlap around it (causal: %s)', (causal) => {
    const length = 7;
    const one = array(new Float64Array(length), [1, length, 1, 1]);
    const value = array(
      Float64Array.from({ length }, (_, key) => 2 ** key),
      [1, length, 1, 1],
    );
    const options = { causal, chunkSize: 3, overlap: 1 };
    const [o] = evaluateFunction((x, y, z) => [attention({ q: x!, k: y!, v: z! }, options)], one, one, value);
    const spans = Array.from({ length }, (_, i) => {
      const begin = Math.floor(i / 3) * 3;
      return [Math.max(0, begin - 1), Math.min(length, causal ? i + 1 : begin + 4)] as const;
    });
    spans.forEach(([from, to], i) => {
      expect(o!.data[i]! * (to - from)).toBeCloseTo(2 ** to - 2 ** from, 9);
    });
  });

  it('takes chunks by absolute positions, so that a cache is seen as the whole sequence is', () => {
    const options = { causal: true, chunkSize: 2, overlap: 1 };
    const [whole, moved] = evaluateFunction(
      (x, y, z, offset) => [
        attention({ q: x!, k: y!, v: z! }, options),
        attention({ q: slice(x!, { axis: 1, start: 1 }), k: y!, v: z!, queryOffset: offset! }, options),
      ],
      ...[q, k, v, lengths(1, 1)],
    );
    for (const batch of [0, 1]) {
      expect(moved!.data.slice(batch * 16, batch * 16 + 16)).toEqual(
        whole!.data.slice(batch * 24 + 8, batch * 24 + 24),
      );
    }
  });

  it.each([{}, { causal: true }, { causal: true, chunkSize: 2, overlap: 1 }, { chunkSize: 2, overlap: 0, scale: 3 }])(
    'has the entropy and the rows of its map: %o',
    (options) => {
      const [entropy, map, o] = evaluateFunction(
        (x, y, z, keyLength) => {
          const operands = { q: x!, k: y!, keyLength: keyLength! };
          return [
            attentionEntropy(operands, options),
            attentionMap(operands, options),
            attention({ ...operands, v: z! }, options),
          ];
        },
        ...[q, k, v, lengths(3, 0)],
      );
      const { keys, heads, headDim } = attentionSizes(q, k);
      entropy!.data.forEach((value, row) => {
        const weights = [...map!.data.slice(row * keys, (row + 1) * keys)];
        expect(value).toBeCloseTo(
          weights.reduce((total, w) => (w > 0 ? total - w * Math.log(w) : total), 0),
          12,
        );
        // Rows of the map are [batch, head, query], vectors of values [batch, position, head].
        const [batch, head, query] = [Math.floor(row / 6), Math.floor(row / 3) % 2, row % 3];
        const at = (position: number) => ((batch * keys + position) * heads + head) * headDim;
        const expected = weights.reduce((total, w, key) => total + w * v.data[at(key)]!, 0);
        expect(o!.data[at(query)]).toBeCloseTo(expected, 12);
      });
    },
  );

  it('counts the causal half of the FLOPs, and the band alone', () => {
    const flops = (causal: boolean, more = {}) =>
      attentionOp.cost!([q, k, v], [q], { ...plain, causal, ...more }).flops;
    expect(flops(false)).toBe(4 * 2 * 2 * 4 * 9);
    expect(flops(true)).toBe(4 * 2 * 2 * 4 * 6);
    expect(flops(true, { chunkSize: 2 })).toBe(4 * 2 * 2 * 4 * 4);
    expect(flops(false, { chunkSize: 2, overlap: 1 })).toBe(4 * 2 * 2 * 4 * 8);
    expect(flops(true, { chunkSize: 1, overlap: 1, queryOffset: true })).toBe(4 * 2 * 2 * 4 * 6);
  });
});
