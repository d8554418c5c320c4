import { createGenerator } from '../../dist/generate/index.js';
import { initialState, modelSize, newModel, peerSizes } from '../models.mjs';

/** Texts sampled position by position, a byte each, from an empty context until it is nearly full. */
export const measure = async (bench, report) => {
  const torch = await bench.torch('PyTorch', 'decode.py');
  report.peers(['PyTorch'], torch ? ['PyTorch'] : []);
  const model = newModel(8, modelSize(bench.quick));
  const state = await initialState(model, { training: false });
  const generator = createGenerator(model);
  const { layers, dModel, contextLength } = model.config;
  const count = contextLength - 8;
  for (const batch of bench.quick ? [2] : [1, 16]) {
    const prompts = Array.from({ length: batch }, () => new Uint8Array());
    const ours = {
      name: 'nonet',
      run: async (n) => {
        const start = performance.now();
        for (let i = 0; i < n; i++)
          await generator.generate(state, { prompts, maxBytes: count, seed: i, bytesPerCall: 64 });
        return (performance.now() - start) / 1000;
      },
    };
    const theirs = torch ? [{ name: 'PyTorch', run: torch.run, pid: torch.pid }] : [];
    await torch?.case(...peerSizes(model), batch, count);
    const results = await bench.race([ours, ...theirs]);
    const of = `patched, 8 bits: ${layers} x ${dModel}, context ${contextLength}, batch ${batch}`;
    report.addRate({ of, metric: 'speed', unit: 'positions/s', amount: batch * count, results });
  }
  state.free();
};
