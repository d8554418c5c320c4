import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { hostArray, scalar, zeros } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import { BitTransformer, createModel } from '../models/index.js';
import { matmul, type Tensor } from '../tensor/index.js';
import { vmap } from '../transform/index.js';
import { executedFlops, modelFlops } from './flops.js';
import { stepPrograms, trainStateTypes } from './step.js';

const [layers, dModel, inner, length, batch] = [5, 16, 32, 8, 2];

const flopsOf = (recompute: 'none' | 'block' | 'segment', count = modelFlops): number => {
  const size = { layers, dModel, heads: 2, feedForward: inner, contextLength: length };
  const model = new BitTransformer({ ...size, activation: 'gelu', recompute });
  const optimizer = { epsilon: 1e-8, weightDecay: 0.1, clip: 1, accumulation: 1 };
  const { step } = stepPrograms(model, { ...optimizer, betas: [0.9, 0.99] });
  const state = State.create(defaultExecutor(), trainStateTypes(model, 1));
  const patches = hostArray(new Int32Array(batch * (length + 1)), [batch, length + 1]);
  const inputs = { patches, learningRate: scalar(0), seed: scalar(1, 'i32'), step: scalar(0, 'i32') };
  const flops = count(step.plan(state, inputs).program);
  state.free();
  return flops;
};

describe('executedFlops', () => {
  it('counts what a backward pass computes again', () => {
    expect(flopsOf('none', executedFlops)).toBe(flopsOf('none'));
    // All of the forward pass of the blocks but the last product of each, whose result nothing needs.
    const weights = layers * (4 * dModel * dModel + dModel * inner);
    const attention = layers * 4 * dModel * ((length * (length + 1)) / 2);
    expect(flopsOf('block', executedFlops) - flopsOf('none')).toBe(batch * (length * 2 * weights + attention));
  });
});

describe('modelFlops', () => {
  it('is three times the forward pass: products of weights, the causal half of attention, the head', () => {
    const weights = layers * (4 * dModel * dModel + 2 * dModel * inner) + dModel * 255;
    const pairs = (length * (length + 1)) / 2;
    const forward = batch * (length * 2 * weights + layers * 4 * dModel * pairs);
    expect(flopsOf('none')).toBe(3 * forward);
  });

  it('leaves out what a backward pass computes again', () => {
    expect(flopsOf('block')).toBe(flopsOf('none'));
    expect(flopsOf('segment')).toBe(flopsOf('none'));
  });

  it('counts convolutions, but not those that a reversible model computes again', () => {
    const sizes = { features: 8, pointwiseFeatures: 12, innerBottleneckFeatures: 4, depth: 3 };
    const taps = { pointwiseKernel: 3, outerBottleneckKernel: 5, innerBottleneckKernel: 2, spatialMixingKernel: 4 };
    const flopsWith = (reversible: boolean): number => {
      const model = createModel({ family: 'olmax', contextLength: 16, ...sizes, ...taps, reversible });
      const { step } = stepPrograms(model, { optimizer: 'adamw', accumulation: 1 });
      const patches = hostArray(new Int32Array(batch * 17), [batch, 17]);
      const inputs = { patches, learningRate: scalar(0), seed: scalar(1, 'i32'), step: scalar(0, 'i32') };
      const state = State.create(defaultExecutor(), trainStateTypes(model, 1));
      const flops = modelFlops(step.plan(state, inputs).program);
      state.free();
      return flops;
    };
    const convolutions = 2 * (2 * 3 * 8 * 12) + 2 * 5 * 8 * 4 + 2 * 4 * 4;
    const weights = 3 * (convolutions + 2 * 4 * 8) + 8 * 256; // of a position
    expect(flopsWith(false) / (3 * batch * 16 * 2 * weights)).toBeCloseTo(1, 1);
    expect(flopsWith(true)).toBe(flopsWith(false));
  });

  it('leaves out what was traced only as a pattern for others', () => {
    const product = (x: Tensor, w: Tensor): Tensor => matmul(x, w);
    const [x, w] = [zeros({ shape: [5, 4, 3], dtype: 'f32' }), zeros({ shape: [3, 6], dtype: 'f32' })];
    const flops = (f: typeof product): number => modelFlops(compile(f).plan(x, w).program);
    expect(flops(vmap(product, { inAxes: [0, null] }))).toBe(flops(product));
  });
});
