import { type BadInput, train } from './world.js';

/** Wrong data, and runs that cannot be made. */
export const dataCases: readonly BadInput[] = [
  data('a file that is missing', 'data.path=none.txt', 'E_FILE', /none\.txt.*no such file/),
  data('an empty file', 'data.path=empty.txt', 'E_DATA', /empty/),
  data('an empty folder', 'data.path=nothing-here', 'E_FILE', /names no file/),
  data('a pattern without a match', 'data.path=*.md', 'E_FILE', /names no file/),
  data('a JSONL line that does not parse', 'data.path=lines.jsonl', 'E_DATA', /lines\.jsonl, line 2/),
  data('a JSONL line without the field', 'data.path=fields.jsonl', 'E_DATA', /fields\.jsonl, line 2: .*"text"/),
  data('a .gz that is cut off', 'data.path=damaged.txt.gz', 'E_DATA', /damaged\.txt\.gz/),
  data('a .zst that is damaged', 'data.path=damaged.txt.zst', 'E_DATA', /damaged\.txt\.zst/),
  data('text shorter than a window', 'data.path=short.txt', 'E_DATA', /shorter than one window/),
  data(
    'validation shorter than a window',
    'data.validationShare=0.001',
    'E_DATA',
    /validation.*shorter than one window/,
  ),
  data(
    'evaluations shorter than a window',
    'train.evaluateEvery=1 train.evaluateBytes=3',
    'E_CONFIG',
    /train\.evaluateBytes is 3, but a window takes \d+ bytes/,
  ),
  data('validation files that are missing', 'data.validationPath=none.txt', 'E_FILE', /none\.txt/),
  data('validation on the training file', 'data.validationPath=text.txt', 'E_DATA', /nothing is left to train on/),
  data('more memory than there is', 'train.batchSize=10000000', 'E_MEMORY', /reduce train\.batchSize/),
  data(
    'a learning rate that blows up',
    'train.learningRate=1e30 train.warmupSteps=0 train.steps=6',
    'E_NOT_FINITE',
    /gave NaN or infinity: /,
  ),
  data('a name that leaves the folder', 'run.name=../new', 'E_CONFIG', /run\.name: .*without slashes/),
  data('a name that is taken', 'run.name=good', 'E_RUN', /already exists/),
  data('weights of a run that is not there', 'init.from=none', 'E_RUN', /there is no run none/),
  data('weights of another model', 'init.from=good model.dModel=32', 'E_CHECKPOINT', /does not fit the model/),
];

function data(name: string, settings: string, code: BadInput['code'], says: RegExp): BadInput {
  return { name, argv: [...train(...settings.split(' ')), '--json'], code, says };
}
