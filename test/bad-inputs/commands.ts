import { mkdir, writeFile } from 'node:fs/promises';
import { type BadInput, train } from './world.js';

/** Wrong command lines. */
export const commandCases: readonly BadInput[] = [
  { name: 'no command', argv: ['--json'], code: 'E_USAGE', says: /unknown option '--json'/ },
  {
    name: 'an unknown command',
    argv: ['trian', 'recipe.yaml', '--json'],
    code: 'E_USAGE',
    says: /Did you mean train\?/,
  },
  {
    name: 'an unknown option',
    argv: ['plan', 'recipe.yaml', '--jsno', '--json'],
    code: 'E_USAGE',
    says: /Did you mean --json\?/,
  },
  {
    name: 'a command without its argument',
    argv: ['evaluate', '--json'],
    code: 'E_USAGE',
    says: /missing required argument 'RUN'/,
  },
  {
    name: 'an argument too many',
    argv: ['evaluate', 'good', 'bad', '--json'],
    code: 'E_USAGE',
    says: /too many arguments/,
  },
  {
    name: 'an option without its value',
    argv: ['evaluate', 'good', '--json', '--stride'],
    code: 'E_USAGE',
    says: /argument missing/,
  },
  { name: 'training without a recipe', argv: ['train', '--json'], code: 'E_USAGE', says: /name the recipe first/ },
  {
    name: 'settings where the recipe belongs',
    argv: ['plan', 'train.steps=5', '--json'],
    code: 'E_USAGE',
    says: /"train\.steps=5" is a setting/,
  },
  {
    name: 'a recipe with --resume',
    argv: ['train', '--resume', 'good', 'recipe.yaml', '--json'],
    code: 'E_USAGE',
    says: /give no recipe/,
  },
  {
    name: '--force without --resume',
    argv: [...train(), '--force', '--json'],
    code: 'E_USAGE',
    says: /--force belongs to --resume/,
  },
  {
    name: 'a recipe with config --keys',
    argv: ['config', '--keys', 'recipe.yaml', '--json'],
    code: 'E_USAGE',
    says: /leave recipe\.yaml out/,
  },
  {
    name: 'a setting without a value',
    argv: ['plan', 'recipe.yaml', 'train.steps', '--json'],
    code: 'E_USAGE',
    says: /write key\.path=value/,
  },
  {
    name: 'a setting with broken YAML',
    argv: ['plan', 'recipe.yaml', 'data.path=[a, b', '--json'],
    code: 'E_USAGE',
    says: /not valid YAML/,
  },
  {
    name: 'a setting below a value',
    argv: ['plan', 'recipe.yaml', 'data.path.x=1', '--json'],
    code: 'E_USAGE',
    says: /where a group with "x" would be/,
  },
  {
    name: 'comparing with a run that is not there',
    argv: ['runs', 'compare', 'good', 'goood', '--json'],
    code: 'E_RUN',
    says: /did you mean good\?/,
  },
];

/** Wrong recipes and settings. */
export const configCases: readonly BadInput[] = [
  {
    name: 'a recipe that is missing',
    argv: ['plan', 'none.yaml', '--json'],
    code: 'E_FILE',
    says: /none\.yaml.*no such file/,
  },
  {
    name: 'a recipe that is a folder',
    arrange: () => mkdir('folder.yaml'),
    argv: ['plan', 'folder.yaml', '--json'],
    code: 'E_FILE',
    says: /it is a folder/,
  },
  {
    name: 'a recipe of another kind',
    argv: ['plan', 'text.txt', '--json'],
    code: 'E_CONFIG',
    says: /a recipe is a \.yaml, \.yml or \.json file/,
  },
  recipe('a recipe with a syntax error', 'data: [1,\n', /a\.yaml:\d+:\d+: /),
  recipe('a recipe that is a list', '- 1\n- 2\n', /a mapping of keys to values/),
  recipe('a recipe without data', 'seed: 1\n', /data: is missing/),
  recipe('a recipe that extends itself', 'extends: a.yaml\n', /extend each other in a circle/),
  recipe('a recipe with tabs', 'data:\n\tpath: text.txt\n', /a\.yaml:2:/),
  {
    name: 'a recipe that extends nothing',
    arrange: () => writeFile('b.yaml', 'extends: none.yaml\n'),
    argv: ['plan', 'b.yaml', '--json'],
    code: 'E_FILE',
    says: /none\.yaml/,
  },
  {
    name: 'a JSON recipe that is cut off',
    arrange: () => writeFile('c.json', '{"seed": 1,'),
    argv: ['plan', 'c.json', '--json'],
    code: 'E_CONFIG',
    says: /c\.json:/,
  },
  setting('an unknown key', 'train.stepz=5', /did you mean train\.steps\?/),
  setting('a key in the wrong group', 'steps=5', /did you mean train\.steps\?/),
  setting('an unknown group', 'trian.steps=5', /unknown key/),
  setting('words for a number', 'train.steps=many', /train\.steps: is "many", expected integer/),
  setting('no steps', 'train.steps=0', /train\.steps: is 0/),
  setting('half a window', 'train.batchSize=1.5', /train\.batchSize: is 1\.5, expected integer/),
  setting('a negative learning rate', 'train.learningRate=-1', /train\.learningRate/),
  setting('one beta', 'train.betas=[0.9]', /train\.betas/),
  setting('an unknown schedule', 'train.schedule=quadratic', /"constant", .* or "progressivePlateau"/),
  setting('an unknown optimizer', 'train.optimizer=adam', /"adamw", .* or "soap"/),
  setting(
    'decay of a parameter that is not there',
    'train.decayNames=[attentoin]',
    /decayNames: the model has no parameter named attentoin; did you mean attention/,
  ),
  setting('a seed that is no 32-bit number', 'seed=1e12', /seed: is 1000000000000/),
  setting('no threads', 'threads=0', /threads: is 0/),
  setting('more threads than can be started', 'threads=1000', /threads: is 1000/),
  setting('all data for validation', 'data.validationShare=1', /data\.validationShare/),
  setting('an unknown preset', 'model.preset=huge', /"classic", "nano", "small" or "base"/),
  setting('an unknown family', 'model.family=mamba', /bit-transformer/),
  setting('a key of the other family', 'model.head=tree', /model\.head: .*it belongs to model\.family=olmax/),
  setting('patches of 13 bits', 'model.bitsPerPatch=13', /model\.bitsPerPatch: is 13, expected integer from 1 to 12/),
  setting(
    'a width that its heads do not divide',
    'model.dModel=100 model.heads=3',
    /dModel 100 does not divide into 3 heads/,
  ),
  setting(
    'the classic head over bytes',
    'model.classicHead=true',
    /classicHead predicts one bit, but bitsPerPatch is 8/,
  ),
  setting('full dropout', 'model.dropout=1', /model\.dropout/),
];

function recipe(name: string, yaml: string, says: RegExp): BadInput {
  return { name, arrange: () => writeFile('a.yaml', yaml), argv: ['plan', 'a.yaml', '--json'], code: 'E_CONFIG', says };
}

function setting(name: string, settings: string, says: RegExp): BadInput {
  return { name, argv: ['plan', 'recipe.yaml', ...settings.split(' '), '--json'], code: 'E_CONFIG', says };
}
