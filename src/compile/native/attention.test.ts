import { describe, expect, it } from 'vitest';
import { type Data, float, kernel, runKernel, values } from '../../../native/test/assemble.js';
import { expectClose, sameBits } from '../../../native/test/expectations.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

describe('attention', () => {
  const [batch, heads, length, dim] = [2, 3, 37, 16];
  const size = batch * length * heads * dim;
  const strides = [length * heads * dim, heads * dim, dim];
  const scale = 1 / Math.sqrt(dim);
  const at = (b: number, i: number, h: number) => ((b * length + i) * heads + h) * dim;
  const lengths = Int32Array.of(length, 20);

  const reference = (q: Data, k: Data, v: Data) => {
    const o = new Float64Array(size);
    for (let b = 0; b < batch; b++)
      for (let h = 0; h < heads; h++)
        for (let i = 0; i < length; i++) {
          const weights: number[] = [];
          for (let j = 0; j <= i && j < lengths[b]!; j++) {
            let dot = 0;
            for (let d = 0; d < dim; d++) dot += q[at(b, i, h) + d]! * k[at(b, j, h) + d]!;
            weights.push(Math.exp(dot * scale));
          }
          const total = weights.reduce((s, w) => s + w, 0);
          weights.forEach((w, j) => {
            for (let d = 0; d < dim; d++) o[at(b, i, h) + d]! += (w / total) * v[at(b, j, h) + d]!;
          });
        }
    return o;
  };

  it('is softmax attention, causal, over live keys, with the same bits on any number of threads', async () => {
    const [q, k, v] = [values(size, 1), values(size, 2), values(size, 3)];
    const params = [
      batch,
      heads,
      length,
      length,
      dim,
      1,
      float(scale),
      ...strides,
      ...strides,
      ...strides,
      ...strides,
      ...[0, 0],
    ];
    const arrays = [q, k, v, new Float32Array(size), new Float32Array(batch * heads * length), lengths];
    const got = await runKernel(addon, kernel.attentionForward, arrays, params);
    expectClose(got[3]!, reference(q, k, v), 1e-5);
    for (const threads of [2, 4]) {
      const other = await runKernel(addon, kernel.attentionForward, arrays, params, { threads });
      expect(sameBits(other[3]!, got[3]!)).toBe(true);
    }
  });

  it('has the gradient of its value', async () => {
    const [q, k, v, dO] = [values(size, 1), values(size, 2), values(size, 3), values(size, 4)];
    const forward = [
      batch,
      heads,
      length,
      length,
      dim,
      1,
      float(scale),
      ...strides,
      ...strides,
      ...strides,
      ...strides,
      ...[0, 0],
    ];
    const outs = [new Float32Array(size), new Float32Array(batch * heads * length)];
    const [, , , o, lse] = await runKernel(addon, kernel.attentionForward, [q, k, v, ...outs, lengths], forward);
    const empty = () => new Float32Array(size).fill(Number.NaN);
    const params = [batch, heads, length, length, dim, 1, float(scale), ...Array(8).fill(strides).flat(), 0, 0];
    const arrays = [q, k, v, o!, lse!, dO, empty(), empty(), empty(), lengths];
    const got = await runKernel(addon, kernel.attentionBackward, arrays, params, { threads: 2 });
    const loss = (a: Data[]) => reference(a[0]!, a[1]!, a[2]!).reduce((s, x, i) => s + x * dO[i]!, 0);
    for (const [which, gradient] of [
      [0, got[6]!],
      [1, got[7]!],
      [2, got[8]!],
    ] as const) {
      for (const i of [5, 300, 1000, size - 40]) {
        const moved = (by: number) =>
          [q, k, v].map((x, n) => (n === which ? Float64Array.from(x, (y, e) => (e === i ? y + by : y)) : x));
        const slope = (loss(moved(1e-4)) - loss(moved(-1e-4))) / 2e-4;
        expect(gradient[i]).toBeCloseTo(slope, 3);
      }
    }
  });
});
