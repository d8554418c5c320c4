import { describe, expect, it } from 'vitest';
import { Graph, withContext } from '../graph.js';
import { add, div, mul, neg, sub } from './arithmetic.js';
import { bitAnd, bitOr, bitXor, shiftLeft, shiftRight } from './bitwise.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { maximum, minimum } from './extremum.js';
import { constant } from './leaves.js';

const integers = (...data: number[]) => array(data, [data.length], 'i32');
const listed = (results: ReturnType<typeof evaluateFunction>) => results.map(({ data }) => [...data]);

describe('arithmetic', () => {
  it('takes numbers on either side, in the dtype of the tensor', () => {
    const results = evaluateFunction((x) => [add(x!, 1), sub(1, x!), mul(2, x!), div(x!, 2)], array([3, 4]));
    expect(listed(results)).toEqual([
      [4, 5],
      [-2, -3],
      [6, 8],
      [1.5, 2],
    ]);
    expect(results.every(({ dtype }) => dtype === 'f64')).toBe(true);
  });

  it('wraps integers at 32 bits, with exact low bits', () => {
    const [a, b] = [integers(0x7fff_ffff, -0x8000_0000, 0x7654_3211), integers(1, 1, 0x1234_5677)];
    const results = evaluateFunction((x, y) => [add(x!, y!), sub(x!, y!), mul(x!, y!), neg(x!)], a, b);
    expect(listed(results)).toEqual([
      [-0x8000_0000, -0x7fff_ffff, (0x7654_3211 + 0x1234_5677) | 0],
      [0x7fff_fffe, 0x7fff_ffff, 0x641f_db9a],
      [0x7fff_ffff, -0x8000_0000, Math.imul(0x7654_3211, 0x1234_5677)],
      [-0x7fff_ffff, -0x8000_0000, -0x7654_3211],
    ]);
  });

  it('refuses numbers alone, and fractions beside integers', () => {
    expect(() => evaluateFunction(() => [add(1, 2)])).toThrow(/add: at least one operand must be a tensor/);
    expect(() => evaluateFunction((x) => [mul(x!, 0.5)], integers(1))).toThrow(/0.5 does not fit i32\[1\]/);
  });

  it('advises a cast where dtypes differ', () => {
    const attempt = () => evaluateFunction((x, y) => [add(x!, y!)], array([1]), integers(1));
    expect(attempt).toThrow(/same dtype; cast\(\) one of them; got f64\[1\], i32\[1\]/);
  });

  it('refuses operands of another trace', () => {
    const stranger = withContext({ graph: new Graph() }, () => constant(1, [1], 'f64'));
    const attempt = () => evaluateFunction((x) => [add(x!, stranger)], array([1]));
    expect(attempt).toThrow(expect.objectContaining({ code: 'E_TRACE' }));
  });
});

describe('maximum and minimum', () => {
  it('pass NaN on', () => {
    const results = evaluateFunction((x) => [maximum(x!, 0), minimum(x!, 0)], array([Number.NaN, 1]));
    expect(listed(results)).toEqual([
      [Number.NaN, 1],
      [Number.NaN, 0],
    ]);
  });
});

describe('bit operations', () => {
  it('work on 32 bits; shifting right fills with zeros', () => {
    const ops = [bitAnd, bitOr, bitXor, shiftLeft, shiftRight];
    const results = evaluateFunction((x, y) => ops.map((op) => op(x!, y!)), integers(-1, 0b1100), integers(4, 0b1010));
    expect(listed(results)).toEqual([
      [4, 0b1000],
      [-1, 0b1110],
      [-5, 0b0110],
      [-16, 0b1100 << 10],
      [0x0fff_ffff, 0],
    ]);
  });
});
