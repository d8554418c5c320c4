import type { Shape } from '../types.js';

/**
 * The shape that operands of an elementwise op meet in: shapes are aligned at their last axis, missing axes and axes of
 * size 1 repeat. Undefined when they do not fit.
 */
export const broadcastShapes = (shapes: readonly Shape[]): number[] | undefined => {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const missing = rank - shape.length;
    for (let i = 0; i < shape.length; i++) {
      const size = shape[i]!;
      if (size === 1) continue;
      if (result[missing + i] !== 1 && result[missing + i] !== size) return undefined;
      result[missing + i] = size;
    }
  }
  return result;
};
