import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { tinySettings } from '../src/cli/test-support.js';
import { isBuilt, nonet } from './small-run.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The most memory, in MiB, that a short run on so many bytes of data took, from preparing the data to its end. */
const peakOf = async (bytes: number): Promise<number> => {
  const data = join(folder, `${bytes}.bin`);
  writeFileSync(data, 'Call me Ishmael.');
  truncateSync(data, bytes); // a hole, which takes no room
  const [hook, told] = [join(folder, 'hook.cjs'), join(folder, `${bytes}.txt`)];
  const write = `require('node:fs').writeFileSync(${JSON.stringify(told)}, String(process.resourceUsage().maxRSS))`;
  writeFileSync(hook, `process.on('exit', () => ${write});`);
  const settings = [
    ...[`data.path=${data}`, 'data.format=binary', `data.validationShare=${20_000 / bytes}`],
    ...[`run.root=${join(folder, 'runs')}`, `run.name=bytes-${bytes}`, ...tinySettings, 'train.steps=200'],
  ];
  writeFileSync(join(folder, 'recipe.yaml'), 'seed: 1\n');
  const ended = await nonet(['train', join(folder, 'recipe.yaml'), ...settings], { NODE_OPTIONS: `--require ${hook}` });
  expect(ended, ended.errors).toMatchObject({ code: 0 });
  return Number(readFileSync(told, 'utf8')) / 1024;
};

it.skipIf(!isBuilt)(
  'takes no more memory for 300 MB of data than for 1 MB, but for a cache of pages',
  async () => {
    const [small, large] = [await peakOf(1e6), await peakOf(300e6)];
    expect(large - small).toBeLessThan(160);
  },
  300_000,
);
