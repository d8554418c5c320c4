import { stringify } from 'yaml';
import { formatBytes } from '../../core/format.js';

/** What a recipe is written for. */
export interface RecipeSubject {
  /** As the user wrote it, relative to the folder from which nonet is run. */
  readonly path: string;
  readonly name: string;
  readonly kind: 'text' | 'binary' | 'jsonl';
  readonly files: number;
  readonly bytes: number;
  readonly textField?: string;
}

interface Choice {
  readonly preset: 'nano' | 'small' | 'base';
  readonly minutes: number;
  readonly why: string;
}

/** The preset whose parameters the data can feed, and a time in which it gets somewhere. */
export const presetFor = (bytes: number): Choice => {
  if (bytes < 8e6) return { preset: 'nano', minutes: 5, why: 'about 0.9 M parameters: right for some megabytes' };
  if (bytes < 200e6) return { preset: 'small', minutes: 60, why: 'about 5 M parameters: right for tens of megabytes' };
  return { preset: 'base', minutes: 720, why: 'about 26 M parameters: right for hundreds of megabytes' };
};

/** A commented recipe in YAML. */
export const recipeText = ({ path, name, kind, files, bytes, textField }: RecipeSubject): string => {
  const { preset, minutes, why } = presetFor(bytes);
  const what = `${files === 1 ? '1 file' : `${files} files`}, ${formatBytes(bytes)} of ${kindNames[kind]}`;
  return `# A recipe for nonet: train it with "nonet train", see what it takes with "nonet plan".
# Every key can be changed on the command line too: nonet train ... train.minutes=10
# All keys with their defaults: nonet config --keys

run:
  name: ${scalar(name)}             # the run is kept in runs/<name>

seed: 1337                     # the same seed gives the same model, bit for bit

data:
  path: ${scalar(path)}
  # ${what}. A list, a folder or a pattern such as texts/**/*.txt works too.
  format: ${kind}
${kind === 'jsonl' ? `  textField: ${scalar(textField ?? 'text')}              # the field of each line that holds the text\n` : ''}  validationShare: 0.1         # the last tenth is never trained on: it measures the model
  parity: false                # true: 9 bits a byte, the last one checks the others (then bitsPerPatch: 9)

model:
  preset: ${preset}                 # nano, small, base or classic; here ${why}
  bitsPerPatch: 8              # bits that make one position: 8 is a byte, 1 a flat bit model
  # Any part of the preset can be replaced:
  # layers: 4
  # dModel: 128
  # heads: 4
  # contextLength: 128         # in patches: how far the model looks back

train:
  minutes: ${minutes}                   # turned into steps by a speed probe; or give steps
  # steps: 2000
  batchSize: 16                # windows per step
  learningRate: 0.001          # the peak; it rises for warmupSteps, then falls along a cosine
  warmupSteps: 50
  evaluateEvery: 500           # steps between two looks at the validation part
  checkpointEvery: 500         # steps between two checkpoints; a run can be resumed from each
  sampleEvery: 500             # steps between two samples of what the model writes; 0: none
`;
};

const kindNames = { text: 'text', binary: 'binary data', jsonl: 'JSON lines' } as const;

/** A value in YAML, quoted where it has to be. */
const scalar = (value: string): string => stringify(value, { lineWidth: 0, defaultStringType: 'PLAIN' }).trimEnd();
