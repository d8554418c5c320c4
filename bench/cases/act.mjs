import { hostArray } from '../../dist/compile/host-array.js';
import { createGenerator } from '../../dist/generate/index.js';
import { measureTraining } from '../act-halting.mjs';
import { initialState, modelSize, newModel } from '../models.mjs';

/** A bias at which a position never halts, or always does. */
const [never, always] = [-30, 30];

/**
 * Decoding with adaptive computation time: positions that halt at half the layers, beside the same model running through all
 * of them and beside the model without halting. Whole generations, so embedding, head and sampling are in the times. Then
 * what halting makes of a training.
 */
export const measure = async (bench, report) => {
  const size = { ...modelSize(bench.quick), layers: bench.quick ? 4 : 8 };
  const { layers } = size;
  const plain = newModel(8, size);
  const halting = newModel(8, { ...size, act: true });
  const state = await initialState(plain, { training: false });
  const half = await haltingState(halting, { [layers / 2 - 1]: { bias: always } });
  const full = await haltingState(halting, {});
  // About half of all positions halt at a quarter of the layers, by a weight that tells states apart, the others later.
  const mixed = await haltingState(halting, {
    [layers / 4 - 1]: { bias: 0, weight: 1e3 },
    [layers - layers / 4 - 1]: { bias: always },
  });

  for (const batch of [1, 16]) {
    const count = size.contextLength - 8;
    const runner = (name, model, of) => decodingRunner(name, model, of, { batch, count });
    const runners = [
      runner('plain', plain, state),
      runner('full', halting, full),
      runner('half', halting, half),
      runner('mixed', halting, mixed),
    ];
    const results = await bench.race(runners);
    const sizes = `${layers} x ${size.dModel}, context ${size.contextLength}, batch ${batch}`;
    const secondsOf = (name) => results.get(name).seconds;
    const add = (of, metric, unit, nonet, better = 'less') => report.add({ of, metric, unit, nonet, better });
    for (const name of ['half', 'mixed']) {
      const of = `${name === 'half' ? 'half the layers' : 'mixed depths'}: ${sizes}`;
      add(of, 'mean depth over the layers', '1', runners.find((one) => one.name === name).depth() / layers);
      add(of, 'time over full depth', '1', secondsOf(name) / secondsOf('full'));
      add(of, 'time over the model without halting', '1', secondsOf(name) / secondsOf('plain'));
    }
    add(`full depth: ${sizes}`, 'time over the model without halting', '1', secondsOf('full') / secondsOf('plain'));
    add(`full depth: ${sizes}`, 'speed', 'positions/s', (batch * count) / secondsOf('full'), 'more');
  }
  for (const one of [state, half, full, mixed]) one.free();
  await measureTraining(bench, report);
};

/** First values, and units by block that do not wait for training; those that are not named never halt. */
const haltingState = async (model, units) => {
  const state = await initialState(model, { training: false });
  const { layers, dModel } = model.config;
  for (let i = 0; i < layers; i++) {
    const { bias = never, weight = 0 } = units[i] ?? {};
    state.write(`parameters.blocks.${i}.halting.bias`, hostArray(Float32Array.of(bias)));
    const signs = Float32Array.from({ length: dModel }, (_, k) => (Math.sin(k * k) < 0 ? -weight : weight));
    state.write(`parameters.blocks.${i}.halting.weight`, hostArray(signs, [dModel, 1]));
  }
  return state;
};

const decodingRunner = (name, model, state, { batch, count }) => {
  const generator = createGenerator(model);
  const prompts = Array.from({ length: batch }, () => new Uint8Array());
  let depth;
  return {
    name,
    depth: () => depth,
    run: async (n) => {
      const start = performance.now();
      for (let i = 0; i < n; i++) {
        const options = { prompts, maxBytes: count, seed: i, bytesPerCall: 64 };
        ({ meanDepth: depth } = await generator.generate(state, options));
      }
      return (performance.now() - start) / 1000;
    },
  };
};
