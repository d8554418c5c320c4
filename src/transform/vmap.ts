import { NonetError } from '../core/errors.js';
import { Tensor, traceContext, withNamedAxis } from '../tensor/graph.js';
import type { Examples, Mapped } from '../tensor/op.js';
import { countedAxis } from '../tensor/ops/define.js';
import { exampleShape } from '../tensor/ops/example-axes.js';
import { atAxis } from '../tensor/ops/mapped.js';
import { reshape } from '../tensor/ops/reshape.js';
import { describeType } from '../tensor/types.js';
import { checkNoExtent, forExamples } from './replay.js';

/**
 * Which axis of a tensor holds the examples: a number (negative ones count from the end), or null for a tensor that they
 * share. A list or record has the axes of the parts of a tree; what it does not name is shared.
 */
export type Axes = number | null | undefined | readonly Axes[] | { readonly [key: string]: Axes };

export interface VmapOptions {
  /** One axis for all arguments, or a list with one entry for each. 0 unless told. */
  readonly inAxes?: number | readonly Axes[];
  /** Where the result has the examples; null says that it is the same for all. 0 unless told. */
  readonly outAxes?: Axes;
  /** The name of the mapped axis, for collectives inside of the function: `allReduceSum(x, axisName)`. */
  readonly axisName?: string;
  /** How many examples there are, where no argument says it; else it must be what they say. */
  readonly axisSize?: number;
}

/**
 * A function written for one example, over an axis of its arguments: `vmap(f)(xs)` is `f(x)` of every `x` in `xs`, stacked.
 * It computes nothing in a loop: each op takes all examples in one call, so that the program is the one that would have
 * been written for the batch by hand. What `f` captures is shared.
 *
 * Every example draws random numbers of its own, example i those behind the ones of example i - 1; the first one draws what
 * `f` alone would. Where seeds are mapped, each draws what `f` alone would by its seed.
 *
 * With `axisName` the examples may be devices that tell each other what they have, by the collectives among the ops. Of one
 * example it is `f` itself.
 *
 * Throws `E_SHAPE` for axes that do not fit, and `E_TRACE` for what cannot be mapped.
 *
 * @example
 * const norms = vmap((x) => ops.sqrt(ops.sum(ops.square(x)))); // [examples, n] to [examples]
 * const shares = vmap((x) => ops.div(x, ops.allReduceSum(x, 'parts')), { axisName: 'parts' });
 */
export const vmap =
  <A extends readonly unknown[], R>(f: (...args: A) => R, options: VmapOptions = {}): ((...args: A) => R) =>
  (...args) => {
    const { inAxes = 0, outAxes = 0, axisName, axisSize } = options;
    const operands: Mapped[] = [];
    mapTensors(args, inAxes, 'inAxes', (tensor, axes) => {
      operands.push({ tensor, axis: axisOf(tensor, axes) });
      return tensor;
    });
    const size = commonSize(operands, axisSize);
    const axis = axisName === undefined ? undefined : traceContext().graph.newAxis(axisName, size);
    const one = (...ones: Tensor[]): R => {
      let next = 0;
      const call = () => f(...(mapTensors(args, inAxes, 'inAxes', () => ones[next++]!) as A));
      return axis ? withNamedAxis(axis, call) : call();
    };
    const examples: Examples = { size, ...(axis && { axis }) };
    checkNoExtent(traceContext().extent);
    if (size === 1) {
      const alone = one(...operands.map((operand) => reshape(operand.tensor, exampleShape(operand))));
      return mapTensors(alone, outAxes, 'outAxes', (tensor, at) =>
        placed({ tensor, axis: null }, tensor, at, examples),
      ) as R;
    }
    const { result, mappedOf } = forExamples(one, operands, examples, { leaves: tensorsIn });
    return mapTensors(result, outAxes, 'outAxes', (tensor, at) => placed(mappedOf(tensor), tensor, at, examples)) as R;
  };

/** A result with its examples where they are wanted. */
const placed = (value: Mapped, tensor: Tensor, axis: number | null, examples: Examples): Tensor => {
  if (axis !== null) {
    const at = countedAxis(axis, tensor.shape.length + 1);
    if (!(at >= 0 && at <= tensor.shape.length)) throw noSuchAxis('outAxes', axis, `a result ${describeType(tensor)}`);
    return atAxis(value, at, examples);
  }
  if (value.axis === null) return value.tensor;
  throw new NonetError(
    'E_TRACE',
    `vmap: outAxes says that a result ${describeType(tensor)} is the same for all; it is not`,
  );
};

const axisOf = (tensor: Tensor, axis: number | null): number | null => {
  if (axis === null) return null;
  const at = countedAxis(axis, tensor.shape.length);
  if (!(at in tensor.shape)) throw noSuchAxis('inAxes', axis, describeType(tensor));
  return at;
};

const commonSize = (operands: readonly Mapped[], axisSize: number | undefined): number => {
  const mapped = operands.filter(({ axis }) => axis !== null);
  const told = axisSize === undefined ? [] : [axisSize];
  const sizes = new Set([...told, ...mapped.map(({ tensor, axis }) => tensor.shape[axis!]!)]);
  const [size] = sizes;
  if (sizes.size !== 1 || !size || !Number.isInteger(size) || size < 0) {
    const got = [
      ...mapped.map(({ tensor, axis }) => `${describeType(tensor)} over axis ${axis}`),
      ...told.map((count) => `axisSize ${count}`),
    ].join(', ');
    throw new NonetError(
      'E_SHAPE',
      `vmap: arguments must have one number of examples, 1 or more; got ${got || 'none that is mapped'}`,
    );
  }
  return size;
};

const noSuchAxis = (option: string, axis: number, type: string): NonetError =>
  new NonetError('E_SHAPE', `vmap: ${option} names axis ${axis} of ${type}`);

/** The same tree with each tensor changed, by the axes that a tree of them says for it. Anything else is left as it is. */
const mapTensors = (
  tree: unknown,
  axes: Axes,
  option: string,
  change: (tensor: Tensor, axis: number | null) => Tensor,
): unknown => {
  if (tree instanceof Tensor) {
    if (typeof axes === 'object' && axes !== null) {
      throw new NonetError('E_SHAPE', `vmap: ${option} has a tree where there is one tensor, ${describeType(tree)}`);
    }
    return change(tree, axes ?? null);
  }
  const part = (key: string | number): Axes =>
    typeof axes === 'object' && axes !== null ? (axes as Record<string | number, Axes>)[key] : axes;
  if (Array.isArray(tree)) return tree.map((child, i) => mapTensors(child, part(i), option, change));
  if (!isRecord(tree)) return tree;
  return Object.fromEntries(
    Object.entries(tree).map(([key, child]) => [key, mapTensors(child, part(key), option, change)]),
  );
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const tensorsIn = (tree: unknown): Tensor[] => {
  const found: Tensor[] = [];
  mapTensors(tree, null, '', (tensor) => {
    found.push(tensor);
    return tensor;
  });
  return found;
};
