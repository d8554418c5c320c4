// Choices of the presets side by side: every variant trains for the same wall time on the same text, one after the other.
//
//   node bench/presets.mjs TEXT [--minutes 0.75] [--preset nano]
//
// Prints a table of bits per byte on the validation part (a tenth of the text), for docs/log.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatCount, formatRate } from '../dist/core/format.js';
import { checkConfig } from '../dist/train/config.js';
import { train } from '../dist/train/trainer.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '0.75' }, preset: { type: 'string', default: 'nano' } },
});
const [text] = positionals;
if (!text) throw new Error('usage: node bench/presets.mjs TEXT [--minutes 0.75] [--preset nano]');

const gelu = { nano: 512, small: 1024, base: 2048 }[values.preset];
const variants = {
  'as it is': {},
  'untied head': { tiedHead: false },
  'squared ReLU': { activation: 'reluSquared', feedForward: gelu },
  GELU: { activation: 'gelu', feedForward: gelu },
  LayerNorm: { norm: 'layer' },
  'learned positions': { positions: 'learned' },
  'sinusoidal positions': { positions: 'sinusoidal' },
  'no final norm': { finalNorm: false },
  '4 bits a patch': { bitsPerPatch: 4 },
};

const root = mkdtempSync(join(tmpdir(), 'nonet-presets-'));
try {
  console.log(`${values.preset}, ${values.minutes} minutes each\n`);
  console.log('| variant | bits per byte | steps | parameters | bytes/s |\n|---|---|---|---|---|');
  for (const [name, model] of Object.entries(variants)) {
    const config = checkConfig(
      {
        run: { root, name },
        data: { path: text },
        model: { preset: values.preset, contextLength: (model.bitsPerPatch ?? 8) === 4 ? 256 : 128, ...model },
        train: {
          minutes: Number(values.minutes),
          batchSize: 16,
          learningRate: 2e-3,
          evaluateEvery: 0,
          checkpointEvery: 0,
        },
      },
      'the benchmark',
      name,
    );
    const { validation, steps, parameters, bytesPerSecond } = await train(config);
    const cells = [
      name,
      validation.bitsPerByte.toFixed(3),
      steps,
      formatCount(parameters),
      formatRate(bytesPerSecond, 'B'),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
