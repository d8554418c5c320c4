import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../graph.js';
import { elementCount } from '../types.js';
import { cast, roundToBfloat16 } from './cast.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { matmul, matmulOp } from './matmul.js';
import { transpose } from './transpose.js';

const ramp = (shape: readonly number[], factor: number) =>
  array(
    Float64Array.from({ length: elementCount(shape) }, (_, i) => ((i * factor) % 17) - 8),
    shape,
  );
const size = fc.integer({ min: 1, max: 5 });

describe('matmul', () => {
  it('is the sum of products over the inner axis, for one matrix or one for each leading index', () => {
    fc.assert(
      fc.property(size, size, size, size, fc.boolean(), (lead, m, k, n, shared) => {
        const [a, b] = [ramp([lead, m, k], 7), ramp(shared ? [k, n] : [lead, k, n], 5)];
        const [c] = evaluateFunction((x, y) => [matmul(x!, y!)], a, b);
        expect(c!.shape).toEqual([lead, m, n]);
        for (let i = 0; i < c!.data.length; i++) {
          const [row, column, matrix] = [Math.floor(i / n), i % n, shared ? 0 : Math.floor(i / (m * n))];
          let expected = 0;
          for (let j = 0; j < k; j++) expected += a.data[row * k + j]! * b.data[(matrix * k + j) * n + column]!;
          expect(c!.data[i]).toBe(expected);
        }
      }),
    );
  });

  it('gives the same with operands stored transposed', () => {
    fc.assert(
      fc.property(size, size, size, fc.boolean(), (m, k, n, shared) => {
        const [a, b] = [ramp([2, m, k], 7), ramp(shared ? [k, n] : [2, k, n], 5)];
        const [plain, ...others] = evaluateFunction(
          (x, y) => [
            matmul(x!, y!),
            matmul(transpose(x!), y!, { transposeA: true }),
            matmul(x!, transpose(y!), { transposeB: true }),
            matmul(transpose(x!), transpose(y!), { transposeA: true, transposeB: true }),
          ],
          a,
          b,
        );
        for (const other of others) expect(other).toEqual(plain);
      }),
    );
  });

  it('takes the gradient of shared weights in one product over all rows', () => {
    evaluateFunction(
      (x, w) => {
        const y = matmul(x!, w!);
        const [, dw] = matmulOp.gradient!(y.node as Parameters<NonNullable<typeof matmulOp.gradient>>[0], [y]);
        const { node } = dw as Tensor;
        expect(node.op.name).toBe('matmul');
        expect(node.attributes).toEqual({ transposeA: true, transposeB: false });
        expect(node.inputs.map(({ shape }) => shape)).toEqual([
          [6, 4],
          [6, 5],
        ]);
        return [];
      },
      ramp([2, 3, 4], 7),
      ramp([4, 5], 5),
    );
  });

  it('counts two FLOPs for each product', () => {
    const types = [ramp([2, 3, 4], 7), ramp([4, 5], 5)];
    const outputs = [ramp([2, 3, 5], 1)];
    expect(matmulOp.cost!(types, outputs, { transposeA: false, transposeB: false }).flops).toBe(2 * 2 * 3 * 4 * 5);
  });

  it('adds products of bf16 values in a wider type, and gives f32', () => {
    const round = (x: Float64Array) => x.map((value) => roundToBfloat16(value / 7));
    const a = array(round(ramp([2, 9], 7).data), [2, 9], 'bf16');
    const b = array(round(ramp([9, 3], 5).data), [9, 3], 'bf16');
    const [wide, product] = evaluateFunction(
      (x, y) => [matmul(cast(x!, 'f32'), cast(y!, 'f32')), matmul(x!, y!)],
      a,
      b,
    );
    expect(product!.dtype).toBe('f32');
    expect([...product!.data]).toEqual([...wide!.data]);
  });

  it('has gradients of bf16 operands in bf16: products of the rounded cotangent', () => {
    const a = array(ramp([2, 4], 7).data, [2, 4], 'bf16');
    const b = array(ramp([4, 3], 5).data, [4, 3], 'bf16');
    const dy = array(
      ramp([2, 3], 3).data.map((x) => x / 7),
      [2, 3],
    );
    const rule = (x?: Tensor, y?: Tensor, cotangent?: Tensor) => {
      const { node } = matmul(x!, y!);
      const [da, db] = node.op.gradient!(node, [cotangent!]);
      const half = cast(cast(cotangent!, 'bf16'), 'f32');
      const [left, right] = [cast(x!, 'f32'), cast(y!, 'f32')];
      const expected = [matmul(half, right, { transposeB: true }), matmul(left, half, { transposeA: true })];
      return [da!, db!, ...expected.map((gradient) => cast(gradient, 'bf16'))];
    };
    const [da, db, expectedA, expectedB] = evaluateFunction(rule, a, b, dy);
    expect([da!.dtype, db!.dtype]).toEqual(['bf16', 'bf16']);
    expect([...da!.data]).toEqual([...expectedA!.data]);
    expect([...db!.data]).toEqual([...expectedB!.data]);
  });
});
