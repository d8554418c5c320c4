import { join } from 'node:path';
import { createModel, resolveConfig } from '../dist/index.js';
import { readMetrics } from '../dist/train/metrics.js';
import { largestDifference, meanGain, partMeans } from './curves.mjs';
import { trainingRunner } from './models.mjs';
import { createTrainings } from './timed-training.mjs';

/** The model of the recipe `olmax-small` at half its widths: so small that a minute is a training. */
const half = ['model.features=64', 'model.pointwiseFeatures=128', 'model.innerBottleneckFeatures=32'];
const tiny = [
  ...['model.contextLength=16', 'model.spatialMixingKernel=4', 'model.depth=1', 'model.features=8'],
  ...['model.pointwiseFeatures=8', 'model.innerBottleneckFeatures=4', 'train.batchSize=2', 'train.warmupSteps=1'],
];
/** What the recipe says of training, for a model of the other family. */
const trained = [
  'batchSize=8',
  'minLearningRate=1e-4',
  'schedule=cosine',
  'warmupSteps=50',
  'weightDecay=0.1',
  'clip=1',
];
/** About as many parameters as the others have; a rate of 3e-3 gives it fewer bits than the 1e-2 of the others does. */
const plainTransformer = [
  ...['preset=nano', 'layers=4', 'dModel=96', 'heads=4', 'feedForward=320', 'contextLength=256'].map(
    (setting) => `model.${setting}`,
  ),
  ...trained.map((setting) => `train.${setting}`),
  'train.learningRate=3e-3',
];
const tinyTransformer = [
  'model.layers=1',
  'model.dModel=8',
  'model.heads=2',
  'model.feedForward=8',
  ...tiny.slice(0, 1),
];

/** Runs of the same time by name, and what tells them from the first. */
const timed = {
  olmax: [],
  'pre-norm': ['model.normPlacement=pre'],
  'post-norm': ['model.normPlacement=post'],
  'convolution alone': ['model.mixing=none'],
  'convolution and attention': ['model.mixing=attention'],
  transformer: undefined,
  'deep and narrow': [
    ...['model.depth=16', 'model.features=32', 'model.pointwiseFeatures=64', 'model.innerBottleneckFeatures=16'],
  ],
};
/** Runs of the same steps, half as many as the first one of those had. */
const stepped = {
  olmax: [],
  reversible: ['model.reversible=true'],
  'pre-norm': ['model.normPlacement=pre'],
  'post-norm': ['model.normPlacement=post'],
  RMSNorm: ['model.norm=rms'],
  LayerNorm: ['model.norm=layer'],
};

/** Of `bench` and the settings that name the data: configurations of all runs. */
export const configsOf = ({ quick, folder, threads }, { path, validationPath }) => {
  const settings = (name, more) => [
    ...[`run.root=${folder}`, `run.name=${name}`, `threads=${threads}`],
    ...[`data.path=${path}`, `data.validationPath=${validationPath}`],
    ...['train.evaluateEvery=0', 'train.checkpointEvery=0', ...more],
  ];
  const olmax = (name, more) => {
    const small = quick ? tiny : half;
    return resolveConfig('olmax-small', settings(name, [...small, ...(quick ? notDeep(more) : more)]));
  };
  const transformer = (name, more) =>
    resolveConfig(undefined, settings(name, [...plainTransformer, ...(quick ? tinyTransformer : []), ...more]));
  return {
    base: () => olmax('base', []),
    timed: (name, steps) => {
      const make = timed[name] ? olmax : transformer;
      return make(`same time, ${name}`, [...(timed[name] ?? []), `train.steps=${steps}`]);
    },
    stepped: (name, steps) => olmax(`same steps, ${name}`, [...stepped[name], `train.steps=${steps}`]),
  };
};

const notDeep = (settings) => settings.filter((setting) => !/depth|eatures/.test(setting));

/**
 * Seconds of a training step of every model in turns, so that phases of a noisy machine meet all of them alike; of the two
 * norms of an evaluation as well. A map by name; see `race`.
 */
export const raceSteps = async (bench, configs) => {
  const runners = [];
  const add = async (name, config, program) => {
    const runner = await trainingRunner(createModel(config.model), config.train.batchSize, program);
    runners.push({ ...runner, name });
  };
  for (const name of Object.keys(timed)) await add(name, await configs.timed(name, 1));
  for (const name of ['reversible', 'RMSNorm', 'LayerNorm']) await add(name, await configs.stepped(name, 1));
  for (const name of ['RMSNorm', 'LayerNorm']) {
    await add(evaluationOf(name), await configs.stepped(name, 1), 'losses');
  }
  const results = await bench.race(runners, { seconds: 20 });
  for (const { free } of runners) free();
  return results;
};

const evaluationOf = (name) => `${name}, evaluation`;

/** All trainings: `{ timed, stepped }`, what came of each by its name. */
export const trainAll = async (bench, configs, speeds) => {
  const { seconds } = bench.options;
  const stepsOf = (name) => (bench.quick ? 4 : Math.max(2, Math.round(seconds / speeds.get(name).seconds)));
  const steps = Math.round(stepsOf('olmax') / 2);
  const runs = [
    ...Object.keys(timed).map((name) => ({ kind: 'timed', name, steps: stepsOf(name), seconds })),
    ...Object.keys(stepped).map((name) => ({ kind: 'stepped', name, steps, seconds: seconds / 2 })),
  ];
  const train = createTrainings(
    runs.map((run) => run.seconds),
    bench,
  );
  const results = { timed: {}, stepped: {} };
  for (const { kind, name, steps: own } of runs) {
    const result = await train(`${titles[kind]}: ${name}`, await configs[kind](name, own));
    results[kind][name] = await resultOf(result);
  }
  return results;
};

const titles = { timed: 'same time', stepped: 'same steps' };

const resultOf = async ({ runFolder, validation, ...facts }) => {
  const rows = await readMetrics(join(runFolder, 'metrics.jsonl'));
  const losses = rows.filter(({ bitsPerByte }) => bitsPerByte !== undefined).map(({ bitsPerByte }) => bitsPerByte);
  return { ...facts, losses, bitsPerByte: validation.bitsPerByte };
};

/** What the trainings say of the claims about reversible steps, norms, mixing and depth. */
export const addClaims = (report, { timed: byTime, stepped: bySteps }, speeds) => {
  const add = (of, metric, unit, nonet, better = 'less') => report.add({ of, metric, unit, nonet, better });
  const { olmax: kept, reversible, RMSNorm, LayerNorm } = bySteps;
  const steps = `${kept.steps} steps`;
  const percent = (share) => 100 * share;
  const ratio = (of, what, [one, other]) => {
    const nonet = speeds.get(other).seconds / speeds.get(one).seconds;
    add(of, `speed of ${what} over that of the other`, 'x', nonet, 'more');
  };

  const d = `d. reversible beside kept, ${steps}`;
  const first = Math.min(100, kept.steps);
  const different = (curveOf) => percent(largestDifference(curveOf(reversible.losses), curveOf(kept.losses)));
  add(
    d,
    `largest difference of losses, first ${first} steps`,
    '%',
    different((curve) => curve.slice(0, first)),
  );
  add(
    d,
    'largest difference of losses',
    '%',
    different((curve) => curve),
  );
  add(d, 'largest difference of the means of tenths', '%', different(partMeans));
  add(d, 'validation, reversible', 'bits/byte', reversible.bitsPerByte);
  add(d, 'validation, kept', 'bits/byte', kept.bitsPerByte);
  ratio(d, 'training steps', ['reversible', 'olmax']);

  for (const [name, key] of Object.entries({ sandwich: 'olmax', 'pre-norm': 'pre-norm', 'post-norm': 'post-norm' })) {
    add(`e. ${name}`, 'validation, same time', 'bits/byte', byTime[key].bitsPerByte);
    add(`e. ${name}`, `validation, ${steps}`, 'bits/byte', bySteps[key].bitsPerByte);
    add(`e. ${name}`, `loss of the last tenth of ${steps}`, 'bits/byte', partMeans(bySteps[key].losses).at(-1));
  }

  const f = `f. RMSNorm beside LayerNorm, ${steps}`;
  ratio(f, 'training steps', ['RMSNorm', 'LayerNorm']);
  ratio(f, 'evaluation', ['RMSNorm', 'LayerNorm'].map(evaluationOf));
  add(f, 'loss lower by, mean over steps', '%', percent(meanGain(RMSNorm.losses, LayerNorm.losses)), 'more');
  add(f, 'validation, RMSNorm', 'bits/byte', RMSNorm.bitsPerByte);
  add(f, 'validation, LayerNorm', 'bits/byte', LayerNorm.bitsPerByte);

  const same = (of, key) => add(of, 'validation, same time', 'bits/byte', byTime[key].bitsPerByte);
  same('g. convolution alone', 'convolution alone');
  same('g. convolution and mixer', 'olmax');
  same('g. convolution and attention', 'convolution and attention');
  same('g. transformer', 'transformer');
  same('h. wide: 4 blocks x 64', 'olmax');
  same('h. deep and narrow: 16 blocks x 32', 'deep and narrow');
};

/** What the figures above stand on: how large each model is, how fast, how many steps it did and what they took. */
export const addRuns = (report, results, speeds, bytesPerStep) => {
  for (const [kind, title] of Object.entries(titles)) {
    for (const [name, run] of Object.entries(results[kind])) {
      const add = (metric, unit, nonet) =>
        report.add({ of: `run, ${title}: ${name}`, metric, unit, nonet, better: 'more' });
      add('steps', '1', run.steps);
      add('time of the steps', 's', run.trainSeconds);
      // The models of the others were there already.
      if (kind === 'stepped' && Object.hasOwn(timed, name)) continue;
      add('parameters', '1', run.parameters);
      add('training, models in turns', 'bytes/s', bytesPerStep / speeds.get(name).seconds);
    }
  }
};
