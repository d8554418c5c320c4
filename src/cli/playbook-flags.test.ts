import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../core/package-root.js';
import { playbookFlags, playbookSettings, withFlagValues } from './playbook-flags.js';
import { runInMemory } from './test-support.js';

/** The settings that the flags of a command line stand for, as `nonet train` reads them. */
const settingsOf = (line: string): string[] => {
  const pairs = withFlagValues(line.split(' ')).map((word) => /^--(\w+)=(.*)$/.exec(word)!.slice(1));
  return playbookSettings(Object.fromEntries(pairs));
};

describe('flags of BitTransformerLM', () => {
  it.each([
    ['--layers=8 --d_model=256 --nhead=8', ['model.layers=8', 'model.dModel=256', 'model.heads=8']],
    ['--chunk_size=128 --batch_size=64', ['model.chunkSize=128', 'train.batchSize=64']],
    ['--accum_steps=2 --causal true', ['train.accumulation=2']],
    ['--act --reversible false', ['model.act=true', 'model.reversible=false']],
    ['--checkpointing --full_attn_logging false', ['model.recompute=block', 'model.fullAttentionLogging=false']],
    ['--checkpointing=false', ['model.recompute=none']],
    ['--recompute=segment --amp', ['model.recompute=segment', 'precision=bf16']],
    ['--amp bf16 --qat false --quantization=none', ['precision=bf16']],
    ['--amp=false', ['precision=float32']],
    ['--lr_schedule=progressive_plateau', ['train.schedule=progressivePlateau']],
    ['--lr_schedule=onecycle', ['train.schedule=oneCycle']],
    ['--lr-schedule=cosineRestarts --d-model=64', ['model.dModel=64', 'train.schedule=cosineRestarts']],
  ])('%s', (line, settings) => {
    expect(settingsOf(line)).toEqual(settings);
  });

  it('take nothing for a value that is none, and leave all else alone', () => {
    expect(withFlagValues(['train', '--act', 'a.yaml', '--json', '--layers', '4', '--', '--act'])).toEqual([
      ...['train', '--act=true', 'a.yaml', '--json', '--layers', '4', '--', '--act'],
    ]);
  });

  it.each(['--causal false', '--qat', '--quantization int8'])('%s is refused with the reason', async (flag) => {
    const { code, err } = await runInMemory(['train', 'bitformer-a', 'data.path=none.txt', ...flag.split(' ')]);
    expect(err).toMatch(/is not there yet/);
    expect(code).toBe(2);
  });

  it('reach the configuration, where a setting as key=value wins', async () => {
    const words = ['--layers', '0', '--lr_schedule', 'wavy', '--accum_steps', '0', 'train.accumulation=2'];
    const { code, err } = await runInMemory(['train', 'bitformer-a', 'data.path=none.txt', ...words]);
    expect(code).toBe(2);
    expect(err).toMatch(/model.layers: is 0, /);
    expect(err).toMatch(/train.schedule: is "wavy", /);
    expect(err).not.toMatch(/accumulation/);
  });

  it('are all in the help and, with their keys, in the table of the docs', async () => {
    const { out } = await runInMemory(['train', '--help']);
    const page = readFileSync(packageFile('docs/recipes.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `(--\w+)` \| (?:`([\w.]+)`|-) \|/gm)].map(([, name, key]) => [name, key]);
    expect(rows).toEqual(playbookFlags.map(({ name, key }) => [name, key]));
    for (const { name } of playbookFlags) expect(out).toContain(`  ${name} `);
  });
});
