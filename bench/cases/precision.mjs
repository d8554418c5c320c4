import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkConfig } from '../../dist/train/config.js';
import { readMetrics } from '../../dist/train/metrics.js';
import { trainedModel } from '../../dist/train/model.js';
import { stepPlan } from '../../dist/train/plan.js';
import { train } from '../../dist/train/trainer.js';

const usualText = fileURLToPath(new URL('../../../shared/data/tinyshakespeare.txt', import.meta.url));
const precisions = ['float32', 'bf16'];

/** Two runs that differ in `precision` alone, on the same batches from the same first weights. */
export const measure = async (bench, report) => {
  const text = bench.options.data ?? usualText;
  if (!existsSync(text)) return report.note(`skipped: ${text} is not there; give the text with --data FILE`);
  const steps = bench.quick ? 10 : 1000;
  const runs = [];
  for (const precision of precisions) runs.push(await trained(configOf(bench, text, steps, precision)));
  const add = (of, metric, unit, figures) => {
    figures.forEach(
      (nonet, i) => void report.add({ of, metric: `${metric}, ${precisions[i]}`, unit, nonet, better: 'less' }),
    );
    report.add({
      of,
      metric: `${metric}, bf16 over float32`,
      unit: 'x',
      nonet: figures[1] / figures[0],
      better: 'less',
    });
  };
  const figures = (key) => runs.map((run) => run[key]);
  add('the step', 'planned activations', 'B', figures('activationBytes'));
  add('the step', 'training', 's', figures('trainSeconds'));
  const stride = steps / 10;
  for (let to = stride; to <= steps; to += stride) {
    const losses = runs.map(({ bits }) => mean(bits.slice(to - stride, to)));
    add(`steps ${to - stride + 1} to ${to}`, 'loss', 'bits/byte', losses);
  }
  add(`after ${steps} steps`, 'validation', 'bits/byte', figures('validation'));
};

const configOf = ({ quick, folder, threads }, path, steps, precision) => {
  const tree = {
    run: { root: join(folder, 'runs'), name: precision },
    threads,
    precision,
    data: { path },
    model: { preset: 'nano', contextLength: quick ? 16 : 64 },
    train: {
      ...{ steps, batchSize: quick ? 2 : 12, learningRate: 2e-3, warmupSteps: steps / 10 },
      ...{ evaluateEvery: 0, checkpointEvery: 0 },
    },
  };
  return checkConfig(tree, 'the benchmark', precision);
};

const trained = async (config) => {
  const { activationBytes } = stepPlan(trainedModel(config), config);
  const { runFolder, trainSeconds, validation } = await train(config);
  const rows = (await readMetrics(join(runFolder, 'metrics.jsonl'))).filter(({ loss }) => loss !== undefined);
  // Nats per bit.
  const bits = rows.map(({ loss }) => (8 * loss) / Math.LN2);
  return { activationBytes, trainSeconds, bits, validation: validation.bitsPerByte };
};

const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
