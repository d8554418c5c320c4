import type { Tensor } from '../graph.js';
import { apply, type Examples, type Mapped } from '../op.js';
import { concatOp, split, stack } from './concat.js';
import type { Primitive } from './define.js';
import { exampleShape } from './example-axes.js';
import { aliasOp } from './identity.js';
import { reshape, reshapeOp } from './reshape.js';
import { slice } from './slice.js';

/** One example alone. */
export const exampleAt = (mapped: Mapped, i: number): Tensor => {
  const { tensor, axis } = mapped;
  return axis === null ? tensor : reshape(slice(tensor, { axis, start: i, end: i + 1 }), exampleShape(mapped));
};

/**
 * The examples where they lay before they were stacked, if that is known: a rule that takes them from there moves nothing. An
 * alias that a trace has asked for is one to differentiate by, and hides them; the copy that `vmap` made of one is not.
 */
const unstacked = ({ tensor, axis }: Mapped): readonly Tensor[] | undefined => {
  const { node, shape } = tensor;
  const { op, inputs, attributes, pattern } = node;
  const [first] = inputs;
  if (op === (aliasOp as unknown)) return pattern && unstacked({ tensor: first!, axis });
  if (op === (reshapeOp as unknown)) {
    const before = axis === 0 && first!.shape[0] === shape[0] ? unstacked({ tensor: first!, axis }) : undefined;
    return before?.map((example) => reshape(example, shape.slice(1)));
  }
  const isStack = op === (concatOp as unknown) && attributes.axis === axis;
  if (!isStack || inputs.some((part) => part.shape[axis!] !== 1)) return undefined;
  return inputs.map((part) => reshape(part, exampleShape({ tensor: part, axis })));
};

/** Whether examples were stacked for `vmap` alone, as the parameters of several models are. */
export const liesApart = (mapped: Mapped): boolean => mapped.axis !== null && unstacked(mapped) !== undefined;

/** Each example alone. */
const eachExample = (mapped: Mapped, { size }: Examples): readonly Tensor[] => {
  const { tensor, axis } = mapped;
  if (axis === null) return new Array<Tensor>(size).fill(tensor);
  return unstacked(mapped) ?? split(tensor, size, axis).map((part) => reshape(part, exampleShape(mapped)));
};

/** The op once for each example: the rule of last resort, and of what lies apart. */
export const unrolled = (
  op: Primitive<never>,
  inputs: readonly Mapped[],
  attributes: object,
  examples: Examples,
): Mapped[] => {
  const each = inputs.map((input) => eachExample(input, examples));
  const runs = Array.from({ length: examples.size }, (_, i) =>
    apply(
      op,
      each.map((operand) => operand[i]!),
      attributes as never,
    ),
  );
  return runs[0]!.map((_, output) => ({
    tensor: stack(runs.map((run) => run[output]!)),
    axis: 0,
  }));
};
