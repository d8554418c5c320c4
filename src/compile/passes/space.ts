import type { Node, Tensor } from '../../tensor/graph.js';
import { elementCount, isFloat, type Shape } from '../../tensor/types.js';

/** The rows and columns that a row program walks over. */
export interface Space {
  readonly rows: number;
  readonly columns: number;
}

/**
 * What a node does inside a row program:
 * - `full`: elementwise over rows x columns; `row`: elementwise over one value per row;
 * - `reduceRow`: rows x columns to one value per row;
 * - `sumRows`: sum over rows of rows x columns; `sumAll`: over columns, then rows; `sumRowValues`: sum of one value per row.
 * The last three are known only when all rows are done, so nothing inside the program can use them.
 */
export type Mode = 'full' | 'row' | 'reduceRow' | 'sumRows' | 'sumAll' | 'sumRowValues';

export const endsProgram = (mode: Mode): boolean => mode === 'sumRows' || mode === 'sumAll' || mode === 'sumRowValues';

const last = (shape: Shape): number => shape[shape.length - 1] ?? 1;

/** Size of the dimension that an extent bounds; undefined for scalars, which none bounds. */
export const leadingSize = (node: Node): number | undefined =>
  (node.op.kind === 'reduction' ? node.inputs[0]! : node.outputs[0]!).shape[0];

/** The space in which a node computes on its own, and its mode there; undefined for nodes that are no row programs. */
export const naturalSpace = (node: Node): (Space & { mode: Mode }) | undefined => {
  if (node.op.kind === 'elementwise') {
    const { shape } = node.outputs[0]!;
    // An extent bounds rows: a vector under one is a column.
    if (node.extent && shape.length === 1) return { rows: shape[0]!, columns: 1, mode: 'full' };
    const columns = last(shape);
    return { rows: columns === 0 ? 0 : elementCount(shape) / columns, columns, mode: 'full' };
  }
  if (node.op.kind !== 'reduction') return undefined;
  const { shape } = node.inputs[0]!;
  const axes = (node.attributes.axes as readonly number[] | undefined) ?? [shape.length - 1];
  const reduced = axes.reduce((product, axis) => product * shape[axis]!, 1);
  const kept = elementCount(shape.filter((_, axis) => !axes.includes(axis)));
  // Integers are only added along rows, which is exact in any order.
  const overRows = node.op.name === 'sum' && isFloat(node.inputs[0]!.dtype);
  if (axes.length === shape.length && overRows) {
    if (shape.length <= 1) return { rows: reduced, columns: 1, mode: 'sumRowValues' };
    return { rows: elementCount(shape.slice(0, -1)), columns: last(shape), mode: 'sumAll' };
  }
  const trailing = axes.length === 0 || axes[axes.length - 1] === shape.length - 1;
  if (trailing) return { rows: kept, columns: reduced, mode: 'reduceRow' };
  return { rows: reduced, columns: kept, mode: 'sumRows' };
};

/**
 * An operand without the reshapes and broadcasts around it: `base` holds the numbers in row-major order of `shape`, and
 * `shape` broadcasts against the node's space.
 */
export interface Operand {
  readonly base: Tensor;
  readonly shape: Shape;
}

export const resolveOperand = (tensor: Tensor): Operand => {
  let base = tensor;
  let shape = tensor.shape;
  for (;;) {
    const { node } = base;
    const inner = node.inputs[0];
    if (!inner) return { base, shape };
    if (node.op.name === 'broadcastTo' && sameOrder(base.shape, shape)) shape = inner.shape;
    else if (node.op.name !== 'reshape') return { base, shape };
    base = inner;
  }
};

const sameOrder = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);
