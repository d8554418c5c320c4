import { stringify } from 'yaml';
import { formatBytes } from '../../core/format.js';
import type { DataKind } from '../../data/formats.js';

/** What a recipe is written for. */
export interface RecipeSubject {
  /** As the user wrote it, relative to the folder from which nonet is run. */
  readonly path: string;
  readonly name: string;
  readonly kind: DataKind;
  readonly files: number;
  readonly bytes: number;
  readonly textField?: string;
}

interface Choice {
  readonly preset: 'nano' | 'small' | 'base';
  readonly steps: number;
  readonly why: string;
}

/** The preset whose parameters the data can feed, and steps in which it gets somewhere. */
export const presetFor = (bytes: number): Choice => {
  if (bytes < 8e6) return { preset: 'nano', steps: 3000, why: 'about 0.9 M parameters, right for some megabytes' };
  if (bytes < 200e6) return { preset: 'small', steps: 10000, why: 'about 5 M parameters, right for tens of megabytes' };
  return { preset: 'base', steps: 50000, why: 'about 26 M parameters, right for hundreds of megabytes' };
};

/** A commented recipe in YAML. */
export const recipeText = (subject: RecipeSubject): string => {
  const { path, name, kind, textField } = subject;
  const { preset, steps, why } = presetFor(subject.bytes);
  return [
    '# A recipe for nonet: train it with "nonet train", see what it takes with "nonet plan".',
    '# Every key can be changed on the command line too: nonet train ... train.minutes=10',
    '# All keys with their defaults: nonet config --keys',
    '',
    'run:',
    line(`name: ${scalar(name)}`, 'the run is kept in runs/<name>'),
    '',
    'seed: 1337  # the same seed gives the same model, bit for bit',
    '',
    'data:',
    `  # ${contents(subject)}. A list, a folder or a pattern such as texts/**/*.txt works too.`,
    `  path: ${scalar(path)}`,
    line(`format: ${kind}`, 'text, binary, jsonl, tfrecord, wikitext, or auto to go by the extension'),
    ...(kind === 'jsonl' || kind === 'tfrecord'
      ? [line(`textField: ${scalar(textField ?? 'text')}`, 'the field or feature that holds the text')]
      : []),
    line('validationShare: 0.1', 'the last tenth is never trained on: it measures the model'),
    line('parity: false', 'true: 9 bits a byte, the last one checks the others (with bitsPerPatch: 9)'),
    '',
    'model:',
    line(`preset: ${preset}`, `nano, small, base or classic; this one has ${why}`),
    line('bitsPerPatch: 8', 'bits that make one position: 8 is a byte, 1 a flat bit model'),
    '  # Any part of the preset can be replaced:',
    line('# layers: 4'),
    line('# dModel: 128'),
    line('# heads: 4'),
    line('# contextLength: 128', 'in patches: how far the model looks back'),
    '',
    'train:',
    line(`steps: ${steps}`, 'how long it learns; the learning rate falls to its end by then'),
    line('# minutes: 5', 'instead of steps: turned into steps by a speed probe'),
    line('batchSize: 16', 'windows per step'),
    line('learningRate: 0.001', 'the peak; it rises for warmupSteps, then falls along a cosine'),
    line('warmupSteps: 50'),
    line('evaluateEvery: 500', 'steps between two looks at the validation part'),
    line('checkpointEvery: 500', 'steps between two checkpoints; a run can be resumed from each'),
    line('sampleEvery: 500', 'steps between two samples of what the model writes; 0: none'),
    '',
  ].join('\n');
};

const contents = ({ files, bytes, kind }: RecipeSubject): string =>
  `${files === 1 ? '1 file' : `${files} files`}, ${formatBytes(bytes)} of ${kindNames[kind]}`;

const commentColumn = 26;

/** A key of a group, with what it means behind it. */
const line = (setting: string, meaning?: string): string =>
  meaning === undefined ? `  ${setting}` : `  ${setting.padEnd(commentColumn)}  # ${meaning}`;

const kindNames = {
  text: 'text',
  binary: 'binary data',
  jsonl: 'JSON lines',
  tfrecord: 'TFRecord',
  wikitext: 'WikiText',
} as const;

/** A value in YAML, quoted where it has to be. */
const scalar = (value: string): string => stringify(value, { lineWidth: 0, defaultStringType: 'PLAIN' }).trimEnd();
