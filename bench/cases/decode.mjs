import { createGenerator } from '../../dist/generate/index.js';
import { parametersOf } from '../../dist/nn/index.js';
import { initialState, modelSize, newModel, peerSizes } from '../models.mjs';
import { jax, newestTorch, torch } from '../peers/python.mjs';

/** Texts sampled position by position, a byte each, from an empty context until it is nearly full. */
export const measure = async (bench, report) => {
  const field = await bench.field(report, {
    PyTorch: torch('decode.py'),
    'PyTorch newest': newestTorch('decode.py'),
    JAX: jax('decode_jax.py'),
  });
  const model = newModel(8, modelSize(bench.quick));
  const state = await initialState(model, { training: false });
  const { layers, dModel, contextLength } = model.config;
  const sizes = `patched, 8 bits: ${layers} x ${dModel}, context ${contextLength}`;
  const speeds = [];
  for (const batch of [1, 16]) {
    const count = contextLength - 8;
    const ours = decodingRunner(model, state, { batch, count });
    const results = await field.race(
      [ours, ...(batch === 1 ? [readRunner(bench, model)] : [])],
      [...peerSizes(model), ...[batch, count]],
    );
    const of = `${sizes}, batch ${batch}`;
    const { nonet } = report.addRate({ of, metric: 'speed', unit: 'positions/s', amount: batch * count, results });
    speeds.push(nonet);
    if (batch === 1) addShareOfRead(report, { of, count, results });
  }
  state.free();
  const [alone, together] = speeds;
  report.add({ of: sizes, metric: 'batch 16 over batch 1', unit: 'x', nonet: together / alone, better: 'more' });
};

const decodingRunner = (model, state, { batch, count }) => {
  const generator = createGenerator(model);
  const prompts = Array.from({ length: batch }, () => new Uint8Array());
  return {
    name: 'nonet',
    run: async (n) => {
      const start = performance.now();
      for (let i = 0; i < n; i++)
        await generator.generate(state, { prompts, maxBytes: count, seed: i, bytesPerCall: 64 });
      return (performance.now() - start) / 1000;
    },
  };
};

/** Reads as many bytes as a position has to read of the weights, from where so many lie: a bound for batch 1. */
const readRunner = ({ addon, threads, quick }, model) => {
  const bytes = weightBytes(model);
  return {
    name: 'read',
    run: async (n) => (n * bytes) / ((await addon.probe('read', quick ? 0.001 : 0.05, threads, bytes)) * 1e9),
  };
};

/** A row of an embedding is next to nothing; all other weights are read whole. */
export const weightBytes = (model) => {
  const looked = /^(embedding|positions)\b/;
  const read = parametersOf(model).filter(({ path }) => !looked.test(path));
  const counts = read.map(({ parameter: { shape } }) => shape.reduce((product, size) => product * size, 1));
  return 4 * counts.reduce((sum, count) => sum + count, 0);
};

const addShareOfRead = (report, { of, count, results }) =>
  report.add({
    of,
    metric: 'share of the read bandwidth of the weights',
    unit: '1',
    nonet: (count * results.get('read').seconds) / results.get('nonet').seconds,
    better: 'more',
  });
