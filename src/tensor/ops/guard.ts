import type { Tensor } from '../graph.js';
import { cast } from './cast.js';
import { less } from './compare.js';
import { freeCost, noGradient, primitive, single } from './define.js';
import { max } from './max.js';

type Attributes = { readonly code: string };

export const guardOp = primitive<Attributes>({
  name: 'guard',
  summary: 'Ends the run before anything donated is written when the condition holds; passes the condition on.',
  operands: ['condition'],
  attributeNames: ['code'],
  kind: 'control',
  infer: ([condition], _, fail) => {
    if (condition!.dtype !== 'bool' || condition!.shape.length > 0) fail('the condition must be a bool scalar');
    return [{ shape: [], dtype: 'bool' }];
  },
  gradient: noGradient,
  // Whether the run ends is for the executor to see; the value is just the condition.
  evaluate: (inputs) => inputs,
  // One call for all examples: what one of them says ends the run for all.
  batch: ([condition], { code }) => {
    guard(less(0, max(cast(condition!.tensor, 'i32'))), code);
    return [condition!];
  },
  cost: freeCost,
});

/**
 * Ends the run when `condition` (a bool scalar) holds; `code` tells the caller which guard it was. Every write to donated
 * memory comes after the last guard, so the state stays as it was.
 */
export const guard = (condition: Tensor, code: string): Tensor => single(guardOp, [condition], { code });
