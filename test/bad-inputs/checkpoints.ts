import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BadInput, copyRun, edit, flipped, sealCheckpoint, truncated } from './world.js';

/** Damaged checkpoints and runs. A checkpoint that is named by its folder has no other to stand in for it. */
export const checkpointCases: readonly BadInput[] = [
  checkpoint(
    'weights that are cut off',
    (folder) => edit(join(folder, 'model.safetensors'), truncated),
    /model\.safetensors/,
  ),
  checkpoint(
    'weights with one bit turned over',
    (folder) => edit(join(folder, 'model.safetensors'), flipped),
    /model\.safetensors/,
  ),
  checkpoint(
    'weights that are empty',
    (folder) => writeFile(join(folder, 'model.safetensors'), ''),
    /model\.safetensors/,
  ),
  checkpoint('weights that are missing', (folder) => rm(join(folder, 'model.safetensors')), /model\.safetensors/),
  checkpoint(
    'a configuration with one bit turned over',
    (folder) => edit(join(folder, 'config.json'), flipped),
    /config\.json/,
  ),
  checkpoint('a state that is missing', (folder) => rm(join(folder, 'state.json')), /state\.json/),
  checkpoint(
    'a manifest that is no JSON',
    (folder) => writeFile(join(folder, 'manifest.json'), 'hm'),
    /manifest\.json/,
  ),
  checkpoint(
    'a manifest of another version',
    (folder) => inManifest(folder, 'formatVersion', 2),
    /format version 2, this nonet reads version 1/,
  ),
  checkpoint(
    'a manifest without a version',
    (folder) => inManifest(folder, 'formatVersion', undefined),
    /no format version/,
  ),
  checkpoint(
    'a manifest that names a file outside',
    (folder) => inManifest(folder, 'files', { '../x': { bytes: 1, sha256: 'a' } }),
    /manifest/,
  ),
  checkpoint(
    'a safetensors header of nonsense',
    async (folder) => {
      await edit(join(folder, 'model.safetensors'), (bytes) => bytes.fill(0xff, 0, 8));
      await sealCheckpoint(folder);
    },
    /model\.safetensors/,
  ),
  checkpoint(
    'a configuration of another model',
    async (folder) => {
      await edit(join(folder, 'config.json'), (bytes) =>
        bytes.toString().replace('"layers": 1', '"layers": 2').replace('"layers":1', '"layers":2'),
      );
      await sealCheckpoint(folder);
    },
    /does not fit the model: blocks\.1/,
  ),
  checkpoint(
    'a state without a step',
    async (folder) => {
      await writeFile(join(folder, 'state.json'), '{}');
      await sealCheckpoint(folder);
    },
    /state\.json/,
  ),
  { name: 'a run that is not there', argv: ['generate', 'goof', '--json'], code: 'E_RUN', says: /did you mean good\?/ },
  {
    name: 'the best checkpoint at a step',
    argv: ['evaluate', 'good@best', '--checkpoint', '2', '--json'],
    code: 'E_USAGE',
    says: /good@best is the best .*--checkpoint .*do not go together/,
  },
  {
    name: 'a folder that is no run',
    argv: ['evaluate', 'nothing-here', '--json'],
    code: 'E_RUN',
    says: /there is no run nothing-here/,
  },
  {
    name: 'a step that was not saved',
    argv: ['generate', 'good', '--checkpoint', '7', '--json'],
    code: 'E_CHECKPOINT',
    says: /step-7/,
  },
  run(
    'no checkpoint that is intact',
    async (folder) => {
      for (const step of [0, 2])
        await edit(join(folder, 'checkpoints', `step-${step}`, 'optimizer.safetensors'), flipped);
    },
    'E_CHECKPOINT',
    /no intact checkpoint:\n.*step-2.*\n.*step-0/,
  ),
  run(
    'no checkpoints at all',
    (folder) => rm(join(folder, 'checkpoints'), { recursive: true }),
    'E_CHECKPOINT',
    /holds no checkpoint/,
  ),
  run(
    'a configuration that is no JSON',
    (folder) => edit(join(folder, 'config.json'), truncated),
    'E_DATA',
    /config\.json is not valid JSON/,
  ),
  run(
    'a configuration with an unknown key',
    (folder) => writeFile(join(folder, 'config.json'), '{"sead": 1, "data": {"path": "text.txt"}}'),
    'E_CONFIG',
    /did you mean seed\?/,
  ),
  run(
    'a line of metrics that is no row',
    (folder) => edit(join(folder, 'metrics.jsonl'), (bytes) => `nonsense\n${bytes}`),
    'E_DATA',
    /metrics\.jsonl:1/,
  ),
  {
    name: 'resuming with another schedule',
    argv: ['train', '--resume', 'good', 'train.steps=9', '--json'],
    code: 'E_RUN',
    says: /another train\.steps/,
  },
  {
    name: 'resuming for another time',
    argv: ['train', '--resume', 'good', 'train.minutes=1', '--force', '--json'],
    code: 'E_RUN',
    says: /a time becomes steps at the start of a run/,
  },
  {
    name: 'resuming with another model',
    argv: ['train', '--resume', 'good', 'model.layers=2', '--force', '--json'],
    code: 'E_CHECKPOINT',
    says: /does not fit the model/,
  },
  {
    name: 'resuming a run that is not there',
    argv: ['train', '--resume', 'none', '--json'],
    code: 'E_RUN',
    says: /there is no run none/,
  },
];

/** A checkpoint of a copy of the run, damaged and then named by its folder. */
function checkpoint(name: string, damage: (folder: string) => Promise<unknown>, says: RegExp): BadInput {
  const folder = join('runs', 'damaged', 'checkpoints', 'step-2');
  const arrange = async () => {
    await copyRun('damaged');
    await damage(folder);
  };
  return { name, arrange, argv: ['generate', folder, '--json'], code: 'E_CHECKPOINT', says };
}

/** A copy of the run, damaged and then resumed. */
function run(
  name: string,
  damage: (folder: string) => Promise<unknown>,
  code: BadInput['code'],
  says: RegExp,
): BadInput {
  const arrange = async () => damage(await copyRun('damaged'));
  return { name, arrange, argv: ['train', '--resume', 'damaged', '--json'], code, says };
}

async function inManifest(folder: string, key: string, value: unknown): Promise<void> {
  await edit(join(folder, 'manifest.json'), (bytes) =>
    JSON.stringify({ ...JSON.parse(bytes.toString()), [key]: value }),
  );
}
