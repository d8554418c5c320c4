import type { Tensor } from '../graph.js';
import { freeCost, noGradient, primitive, single } from './define.js';

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
  cost: freeCost,
});

/**
 * Ends the run when `condition` (a bool scalar) holds; `code` tells the caller which guard it was. Every write to donated
 * memory comes after the last guard, so the state stays as it was.
 */
export const guard = (condition: Tensor, code: string): Tensor => single(guardOp, [condition], { code });
