import { describe, expect, it } from 'vitest';
import { backward } from '../../transform/backward.js';
import type { Tensor } from '../graph.js';
import { mul } from './arithmetic.js';
import { array, evaluateFunction } from './evaluate-graph.js';
import { sum } from './sum.js';
import { unless } from './unless.js';

const flag = (value: number) => array([value], [], 'bool');
const doubled = (condition: Tensor, x: Tensor): Tensor[] => unless(condition, [x], () => [mul(x, 2)]);

describe('unless', () => {
  it('gives the skipped values when the condition holds, else those of the body', () => {
    const run = (condition: number) =>
      evaluateFunction((c, x) => doubled(c!, x!), flag(condition), array([3]))[0]!.data;
    expect([...run(1)]).toEqual([3]);
    expect([...run(0)]).toEqual([6]);
  });

  it('puts the body into a block of its own, inside that of the caller', () => {
    evaluateFunction(
      (c, x) => {
        let inner: Tensor | undefined;
        const [outer] = unless(c!, [x!], () => {
          const values = unless(c!, [x!], () => [mul(x!, 2)]);
          inner = values[0];
          return values;
        });
        expect(outer!.node.block).toBe(0);
        expect(outer!.node.attributes.block).toBe(1);
        expect(inner!.node.block).toBe(1);
        expect(inner!.node.inputs[2]!.node.block).toBe(2);
        return [];
      },
      flag(1),
      array([3]),
    );
  });

  it('refuses a body that returns other types, or another number of values', () => {
    const attempt = (body: (x: Tensor) => Tensor[]) => () =>
      evaluateFunction((c, x) => unless(c!, [x!], () => body(x!)), flag(1), array([3]));
    expect(attempt(() => [])).toThrow(/1 values are expected/);
    expect(attempt((x) => [sum(x)])).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
  });

  it('lets no gradient pass, which would read what was skipped', () => {
    const attempt = () =>
      evaluateFunction(
        (c, x) => {
          const results = doubled(c!, x!);
          return [backward(results, results, [x!], 2)[0]!];
        },
        flag(0),
        array([3]),
      );
    expect(attempt).toThrow(/merge has no gradient/);
  });
});
