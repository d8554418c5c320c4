import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { type HostArray, hostArray } from '../compile/host-array.js';
import {
  add,
  logSumExp,
  matmul,
  mean,
  mul,
  reshape,
  square,
  sub,
  type Tensor,
  takeAlong,
  tanh,
} from '../tensor/index.js';
import { valueAndGrad, withSquaredGradients } from '../transform/index.js';
import { type SlicedCrossEntropyOptions, slicedCrossEntropy } from './sliced-cross-entropy.js';
import { difference, rows, slicedRuns, type Weights } from './sliced-loss-test-support.js';
import { i32, randomArray, randomIntegers, run } from './test-support.js';

const [batch, length, features, classes] = [3, 5, 4, 7];
const f64 = ({ data, shape }: HostArray): HostArray => hostArray(Float64Array.from(data, Number), shape);
const single = { x: randomArray([batch, length, features], 1, 2), w: randomArray([features, classes], 2, 3) };
const weights = { x: f64(single.x), w: f64(single.w) };
const targets = randomIntegers([batch, length], 3, classes);

/** What the gradient is that of, with all logits at once. */
const plain = ({ x, w }: Weights, t: Tensor, zLoss: number): Tensor => {
  const logits = matmul(tanh(x), w);
  const total = logSumExp(logits, { keepDims: true });
  return mean(add(sub(total, takeAlong(logits, reshape(t, [batch, length, 1]))), mul(square(total), zLoss)));
};

describe('slicedCrossEntropy', () => {
  it.each<SlicedCrossEntropyOptions>([{}, { zLoss: 0.3 }, { zLoss: 0.01, slices: 4 }, { zLoss: 0.01, slices: 15 }])(
    'has the gradient of the loss with the z term, and squares: %o',
    async (options) => {
      const { sliced, wanted } = await run(
        (p: Weights, t: Tensor) => ({
          sliced: withSquaredGradients((q: Weights) => slicedCrossEntropy(tanh(q.x), q.w, t, options).loss)(p),
          wanted: withSquaredGradients((q: Weights) => plain(q, t, options.zLoss ?? 0))(p),
        }),
        weights,
        targets,
      );
      for (const which of [1, 2]) {
        expect(difference(sliced[which].w, wanted[which].w)).toBeLessThan(1e-10);
        expect(difference(sliced[which].x, wanted[which].x)).toBeLessThan(1e-10);
      }
    },
  );

  it('returns the loss without the z term, and the share of greatest logits that are right', async () => {
    const { loss, accuracy } = await run(
      (p: Weights, t: Tensor) => ({ ...slicedCrossEntropy(p.x, p.w, t, { zLoss: 0.5, slices: 4 }) }),
      weights,
      targets,
    );
    let [cost, hits] = [0, 0];
    for (let row = 0; row < batch * length; row++) {
      const logits = Array.from({ length: classes }, (_, c) =>
        Array.from(
          { length: features },
          (_, f) => weights.x.data[row * features + f]! * weights.w.data[f * classes + c]!,
        ).reduce((a, b) => a + b),
      );
      const target = targets.data[row]!;
      cost += Math.log(logits.reduce((total, z) => total + Math.exp(z), 0)) - logits[target]!;
      if (logits.indexOf(Math.max(...logits)) === target) hits++;
    }
    expect(loss.item()).toBeCloseTo(cost / (batch * length), 10);
    expect(accuracy.item()).toBeCloseTo(hits / (batch * length), 10);
    expect(hits).toBeGreaterThan(0);
  });

  it('stays finite where logits are large', async () => {
    const large = { x: randomArray([2, 2], 4, 1e3), w: randomArray([2, 3], 5, 1e3) };
    const [loss, gradients] = await compile(
      (p: Weights, t: Tensor) => valueAndGrad((q: Weights) => slicedCrossEntropy(q.x, q.w, t).loss)(p),
      { executor: defaultExecutor() },
    )(large, i32([0, 2]));
    expect(Number.isFinite(loss.item())).toBe(true);
    expect([...gradients.w.data].every(Number.isFinite)).toBe(true);
  });

  it('says which target is no class', async () => {
    await expect(
      run(
        (p: Weights, t: Tensor) => ({ ...slicedCrossEntropy(p.x, p.w, t) }),
        weights,
        i32([...targets.data.slice(1), 7], [batch, length]),
      ),
    ).rejects.toMatchObject({ code: 'E_PROGRAM' });
  });

  it('never holds all logits, and gives the same on the native engine', async () => {
    const wide = 512;
    const lossOf = (p: Weights, t: Tensor, slices: number) =>
      slicedCrossEntropy(p.x, p.w, t, { slices, zLoss: 0.01 }).loss;
    const { arena, native, reference } = await slicedRuns(lossOf, wide, { weights: single, targets });
    expect(arena(16)).toBeLessThan((rows * wide * 4) / 4);
    expect(arena(1)).toBeGreaterThan(rows * wide * 4);
    expect(native[0].item()).toBeCloseTo(reference[0].item(), 5);
    expect(difference(native[1].w, reference[1].w)).toBeLessThan(1e-5);
  });
});
