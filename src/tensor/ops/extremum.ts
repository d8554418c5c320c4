import type { Tensor } from '../graph.js';
import { less } from './compare.js';
import { gradientRule, numbers, type Two } from './define.js';
import { binaryFunction, elementwise } from './elementwise.js';
import { select } from './select.js';
import { flowTo } from './sum.js';

/** The gradient goes to `a` where it is strictly chosen, else to `b`: so that of `maximum(x, 0)` is 0 at 0. */
const toChosen = (chosen: (a: Tensor, b: Tensor) => Tensor) =>
  gradientRule((dy, node) => {
    const [a, b] = node.inputs as Two<Tensor>;
    const first = chosen(a, b);
    return [flowTo(a, () => select(first, dy, 0)), flowTo(b, () => select(first, 0, dy))];
  });

export const maximumOp = elementwise({
  name: 'maximum',
  summary: 'The greater of a and b; NaN where either is',
  operands: ['a', 'b'],
  dtypes: numbers,
  compute: (a, b) => Math.max(a, b),
  gradient: toChosen((a, b) => less(b, a)),
});

/** The greater of two, element by element; NaN where either is. See `max` for the greatest along axes. */
export const maximum = binaryFunction(maximumOp);

export const minimumOp = elementwise({
  name: 'minimum',
  summary: 'The lesser of a and b; NaN where either is',
  operands: ['a', 'b'],
  dtypes: numbers,
  compute: (a, b) => Math.min(a, b),
  gradient: toChosen((a, b) => less(a, b)),
});

/** The lesser of two, element by element; NaN where either is. */
export const minimum = binaryFunction(minimumOp);
