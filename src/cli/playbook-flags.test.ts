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
    ['--lr_schedule=OneCycle', ['train.schedule=oneCycle']],
    ['--lr_schedule=cosine_warm_restarts', ['train.schedule=cosineRestarts']],
    ['--lr-schedule=cosineRestarts --d-model=64', ['model.dModel=64', 'train.schedule=cosineRestarts']],
    ['--act True --reversible FALSE', ['model.act=true', 'model.reversible=false']],
    ['--causal True --qat False --amp BF16', ['precision=bf16']],
  ])('%s', (line, settings) => {
    expect(settingsOf(line)).toEqual(settings);
  });

  it('take nothing for a value that is none, and leave all else alone', () => {
    expect(withFlagValues(['--act', '--qat', 'bitformer-a', '--amp', 'seed=1', '--reversible'])).toEqual([
      ...['--act=true', '--qat=true', 'bitformer-a', '--amp=true', 'seed=1', '--reversible=true'],
    ]);
    expect(withFlagValues(['train', '--act', 'a.yaml', '--json', '--layers', '4', '--', '--act'])).toEqual([
      ...['train', '--act=true', 'a.yaml', '--json', '--layers', '4', '--', '--act'],
    ]);
  });

  it.each([
    ['--causal false', '--causal false: training is causal: both-sided training is not there yet'],
    ['--qat', '--qat true: training with quantised weights is not there yet'],
    ['--qat 4bit', '--qat 4bit: training with quantised weights is not there yet'],
    ['--quantization int8', '--quantization int8: training with quantised weights is not there yet'],
    ['--amp fp16', '--amp is "fp16", expected true, bf16, false'],
    ['--act maybe', '--act is "maybe", expected true, false'],
    ['--recompute all', '--recompute is "all", expected none, block, segment'],
    ['--lr_schedule wavy', '--lr_schedule is "wavy", expected constant, cosine, cosineRestarts, exponential, '],
  ])('%s is refused with the reason', async (flag, reason) => {
    const { code, err } = await runInMemory(['train', 'bitformer-a', 'data.path=none.txt', ...flag.split(' ')]);
    expect(err).toContain(reason);
    expect(code).toBe(2);
  });

  it.each(['train', 'plan'])('reach the configuration of %s, where a setting as key=value wins', async (command) => {
    const words = ['--layers', '0', '--nhead', 'few', '--accum_steps', '0', 'train.accumulation=2'];
    const { code, err } = await runInMemory([command, '--act', 'bitformer-a', 'data.path=none.txt', ...words]);
    expect(code).toBe(2);
    expect(err).toMatch(/model.layers: is 0, /);
    expect(err).toMatch(/model.heads: is "few", /);
    expect(err).not.toMatch(/accumulation/);
  });

  it.each(['train', 'plan'])(
    'are all in the help of %s and, with their keys, in the table of the docs',
    async (command) => {
      const { out } = await runInMemory([command, '--help']);
      const page = readFileSync(packageFile('docs/recipes.md'), 'utf8');
      const rows = [...page.matchAll(/^\| `(--\w+)` \| (?:`([\w.]+)`|-) \|/gm)].map(([, name, key]) => [name, key]);
      expect(rows).toEqual(playbookFlags.map(({ name, key }) => [name, key]));
      for (const { name } of playbookFlags) expect(out).toContain(`  ${name} `);
    },
  );
});
