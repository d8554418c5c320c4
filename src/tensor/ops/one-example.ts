import type { Tensor } from '../graph.js';
import { apply, type Examples, type Mapped } from '../op.js';
import { stack } from './concat.js';
import type { Primitive } from './define.js';
import { exampleShape } from './example-axes.js';
import { reshape } from './reshape.js';
import { slice } from './slice.js';

/** One example alone. */
export const exampleAt = (mapped: Mapped, i: number): Tensor => {
  const { tensor, axis } = mapped;
  return axis === null ? tensor : reshape(slice(tensor, { axis, start: i, end: i + 1 }), exampleShape(mapped));
};

/** The rule of last resort: the op once for each example. */
export const unrolled = (
  op: Primitive<never>,
  inputs: readonly Mapped[],
  attributes: object,
  { size }: Examples,
): Mapped[] => {
  const runs = Array.from({ length: size }, (_, i) =>
    apply(
      op,
      inputs.map((input) => exampleAt(input, i)),
      attributes as never,
    ),
  );
  return runs[0]!.map((_, output) => ({
    tensor: stack(runs.map((run) => run[output]!)),
    axis: 0,
  }));
};
