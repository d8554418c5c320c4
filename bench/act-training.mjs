// What adaptive computation time costs and gives: a model without it beside models with it at several ponder weights, all
// trained alike on the same text. Keys of a recipe change what is alike: --set threads=1.
//
//   node bench/act-training.mjs TEXT [--steps 1500] [--layers 4] [--weights none,0,0.001,0.003] [--seed 1337] [--set key=value]...
//
// Prints bits per byte and mean depth on the validation part, and Spearman's rank correlation of the depth of a position with
// the surprise at the byte that it predicts and with that at the byte that it has read; for docs/log.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkConfig, withSettings } from '../dist/train/config.js';
import { train } from '../dist/train/trainer.js';
import { depthCorrelations } from './depths.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '1500' },
    layers: { type: 'string', default: '4' },
    weights: { type: 'string', default: 'none,0,0.001,0.003' },
    seed: { type: 'string', default: '1337' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const [text] = positionals;
if (!text) throw new Error('usage: node bench/act-training.mjs TEXT [--steps 1500] [--layers 4] [--weights 0,0.001]');

const root = mkdtempSync(join(tmpdir(), 'nonet-act-'));

const configOf = (name, model, ponderWeight) => {
  const tree = {
    run: { root, name },
    seed: Number(values.seed),
    data: { path: text },
    model: { preset: 'nano', contextLength: 128, layers: Number(values.layers), ...model },
    train: {
      ...{ steps: Number(values.steps), batchSize: 16, learningRate: 2e-3, warmupSteps: 100 },
      ...{ evaluateEvery: 0, checkpointEvery: 0, ponderWeight },
    },
  };
  return checkConfig(withSettings(tree, values.set), 'the benchmark', name);
};

try {
  console.log(`${values.layers} layers, ${values.steps} steps, seed ${values.seed} ${values.set.join(' ')}\n`);
  console.log(
    '| ponder weight | bits per byte | over none | mean depth | of the layers | surprise ahead | just read |',
  );
  console.log('|---|---|---|---|---|---|---|');
  let none;
  for (const weight of values.weights.split(',')) {
    const halts = weight !== 'none';
    const config = configOf(`w${weight}`, { act: halts }, halts ? Number(weight) : 0);
    const { bitsPerByte, meanDepth } = (await train(config)).validation;
    if (!halts) {
      none = bitsPerByte;
      console.log(`| no halting | ${none.toFixed(4)} | | ${values.layers} | | | |`);
      continue;
    }
    const { ahead, read } = await depthCorrelations(config);
    const cells = [
      ...[weight, bitsPerByte.toFixed(4), none ? `${((bitsPerByte / none - 1) * 100).toFixed(2)} %` : ''],
      ...[meanDepth.toFixed(3), (meanDepth / Number(values.layers)).toFixed(3)],
      ...[ahead.toFixed(3), read.toFixed(3)],
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
