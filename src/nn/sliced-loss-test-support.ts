import { compile, type Result } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import type { HostArray } from '../compile/host-array.js';
import { ReferenceExecutor } from '../compile/reference/executor.js';
import type { Tensor } from '../tensor/index.js';
import { valueAndGrad } from '../transform/index.js';

/** States and the weight of a projection. */
export type Weights = { x: Tensor; w: Tensor };

export const difference = (got: HostArray, wanted: HostArray): number =>
  Math.max(...Array.from(wanted.data, (x, i) => Math.abs(Number(got.data[i]) - Number(x))));

/** The rows of the loss whose memory `slicedRuns` tells. */
export const rows = 2048;

/**
 * Of a loss in slices: `arena`, the bytes that it and its gradient take over `rows` rows of `outputs` outputs beside operands
 * and results, and both on the native engine and on the reference, as [loss, gradients].
 */
export const slicedRuns = async (
  lossOf: (p: Weights, targets: Tensor, slices: number) => Tensor,
  outputs: number,
  { weights, targets }: { readonly weights: { x: HostArray; w: HostArray }; readonly targets: HostArray },
): Promise<{ arena: (slices: number) => number; native: Result; reference: Result }> => {
  const program = (slices: number) => (p: Weights, t: Tensor) => valueAndGrad((q: Weights) => lossOf(q, t, slices))(p);
  const arena = (slices: number): number =>
    compile(program(slices), { executor: defaultExecutor() }).plan(
      { x: { shape: [rows, 16], dtype: 'f32' }, w: { shape: [16, outputs], dtype: 'f32' } },
      { shape: [rows], dtype: 'i32' },
    ).arenaBytes;
  const [native, reference] = await Promise.all(
    [defaultExecutor(), new ReferenceExecutor()].map((executor) => compile(program(4), { executor })(weights, targets)),
  );
  return { arena, native, reference };
};
