import { writeFile } from 'node:fs/promises';
import type { BadInput } from './world.js';

const stream = 'train.stream=true model.chunkSize=8 model.overlap=4 model.contextLength=16';

/** Settings out of range, and settings that do not go together. */
export const settingCases: readonly BadInput[] = [
  setting('no files side by side', 'data.interleave=0 data.shuffleBytes=1000', /data\.interleave: is 0/),
  setting('half a file', 'data.interleave=1.5 data.shuffleBytes=1000', /data\.interleave: is 1\.5/),
  setting('too many files side by side', 'data.interleave=5000 data.shuffleBytes=1000', /data\.interleave: is 5000/),
  setting(
    'files side by side, shuffled as a whole',
    'data.interleave=2',
    /data\.interleave: .*give data\.shuffleBytes/,
  ),
  setting('a negative shuffle', 'data.shuffleBytes=-1', /data\.shuffleBytes: is -1/),
  setting('words for a shuffle', 'data.shuffleBytes=64GB', /data\.shuffleBytes: is "64GB"/),
  setting('a separator that is no byte', 'data.separator=256', /data\.separator: is 256/),
  setting(
    'an unknown way with damage',
    'data.damaged=ignore',
    /data\.damaged: is "ignore", expected "error" or "skip"/,
  ),
  setting('an unknown format', 'data.format=parquet', /data\.format: is "parquet"/),
  setting('negative workers', 'data.workers=-1', /data\.workers: is -1/),
  setting('streams that are shuffled', `${stream} data.shuffleBytes=1000`, /train\.stream: data\.shuffleBytes/),
  setting('streams without chunks', 'train.stream=true', /train\.stream: .*chunkSize/),
  setting('streams of compressed batches', `${stream} train.compression.end=0.5`, /train\.stream: train\.compression/),
  setting('streams that rewind', `${stream} train.spike=rewind`, /train\.stream: train\.spike rewind/),
  setting('a probability of 2', 'train.compression.end=2', /train\.compression\.end: is 2/),
  setting('an unknown kind of batches', 'train.compression.zip=1', /train\.compression\.zip: unknown key/),
  setting('half precision', 'precision=float16', /precision: is "float16", expected "float32" or "bf16"/),
  setting('more experts a position than there are', 'model.experts=2 model.expertsPerToken=3', /expertsPerToken/),
  setting('extra steps without epochs', 'train.extraSteps=3', /train\.extraSteps: .*give train\.epochs/),
  setting('epochs and minutes', 'train.epochs=1 train.minutes=1', /train\.epochs: .*train\.minutes/),
  setting('steps and epochs', 'train.epochs=1 train.steps=4', /train\.steps: .*train\.epochs/),
  setting('steps and minutes', 'train.steps=4 train.minutes=1', /train\.steps: .*train\.minutes/),
  setting('a clip of nothing', 'train.clipKind=weight train.clipRatio=0', /train\.clipRatio: is 0/),
  setting('one beta of tgAdam', 'train.optimizer=tgAdam train.tgBetas=[0.9]', /list of 3 values, each number/),
  setting(
    'a beta of 1',
    'train.optimizer=tgAdam train.tgBetas=[0.9,0.9,1]',
    /train\.tgBetas\[2\]: is 1, expected number from 0 and below 1/,
  ),
  setting('an adapter without a model', 'adapter.rank=4', /adapter: .*init\.from/),
];

/** Wrong files for `nonet config --from-olmax`. */
export const olmaxCases: readonly BadInput[] = [
  { name: 'an Olmax file that is missing', argv: from('none.yaml'), code: 'E_FILE', says: /none\.yaml.*no such file/ },
  olmax('that is no YAML', 'dims: [1,\n', /a\.yaml:\d+:\d+: /),
  olmax('that is a list', '- dims\n- model\n', /a mapping of keys to values/),
  olmax('with nothing of Olmax in it', 'colour: red\n', /no key of an Olmax configuration/),
  olmax('that is empty', '', /no key of an Olmax configuration/),
  olmax('with words for numbers', 'dims: { features: many }\n', /dims\.features: is "many", expected a whole number/),
  olmax('with half a block', 'dims: { depth: 1.5 }\n', /dims\.depth: is 1\.5, expected a whole number/),
  olmax('with a negative batch', 'dims: { batch: -1 }\n', /dims\.batch: is -1/),
  olmax('with a list of rates', 'optimizer: { learning_rate: [1, 2] }\n', /optimizer\.learning_rate: is \[1,2\]/),
  olmax('with a number as path', 'data: { path: 3 }\n', /data\.path: is 3, expected text/),
  olmax(
    'with a word for a flag',
    'model: { autoregressive: maybe }\n',
    /autoregressive: is "maybe", expected true or false/,
  ),
  olmax('with an unknown optimizer', 'optimizer: { type: adagrad }\n', /type: is "adagrad", expected one of adamw, /),
  olmax(
    'of a length that its mixer does not divide',
    'dims: { sequence: 4100 }\n',
    /a\.yaml does not become [\s\S]*contextLength 4100 .*spatialMixingKernel 512/,
  ),
  olmax('without a block', 'dims: { depth: 0 }\n', /a\.yaml does not become [\s\S]*model\.depth: is 0/),
  {
    name: 'an Olmax file of another kind',
    argv: from('text.txt'),
    code: 'E_CONFIG',
    says: /a recipe is a \.yaml, \.yml or \.json file/,
  },
  {
    name: 'a broken setting behind an Olmax file',
    arrange: () => writeFile('a.yaml', 'dims: { depth: 2 }\n'),
    argv: from('a.yaml', 'train.steps'),
    code: 'E_USAGE',
    says: /write key\.path=value/,
  },
  {
    name: 'an Olmax file with --keys',
    argv: from('a.yaml', '--keys'),
    code: 'E_USAGE',
    says: /choose one of --keys, --schema and --from-olmax/,
  },
  {
    name: 'a recipe in the way of that of an Olmax file',
    arrange: () => writeFile('a.yaml', 'dims: { depth: 2 }\n'),
    argv: from('a.yaml', '--out', 'recipe.yaml'),
    code: 'E_FILE',
    says: /recipe\.yaml exists already: --force/,
  },
  {
    name: 'a recipe of an Olmax file under a name for text',
    argv: from('a.yaml', '--out', 'new.txt'),
    code: 'E_USAGE',
    says: /ends in \.yaml or \.json/,
  },
  {
    name: '--out without an Olmax file',
    argv: ['config', 'recipe.yaml', '--out', 'new.yaml', '--json'],
    code: 'E_USAGE',
    says: /belong to --from-olmax/,
  },
];

function setting(name: string, settings: string, says: RegExp): BadInput {
  return { name, argv: ['plan', 'recipe.yaml', ...settings.split(' '), '--json'], code: 'E_CONFIG', says };
}

function from(file: string, ...more: string[]): string[] {
  return ['config', '--from-olmax', file, ...more, '--json'];
}

function olmax(name: string, contents: string, says: RegExp): BadInput {
  return {
    name: `an Olmax file ${name}`,
    arrange: () => writeFile('a.yaml', contents),
    argv: from('a.yaml'),
    code: 'E_CONFIG',
    says,
  };
}
