import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { setThreads } from '../src/compile/default-executor.js';
import { resolveConfig } from '../src/train/config.js';
import { train } from '../src/train/trainer.js';
import { outcome, smallRunFolder } from './small-run.js';

describe('the number of threads', () => {
  const folder = smallRunFolder();

  afterAll(() => {
    setThreads(1);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(['train.accumulation=1', 'train.accumulation=3', 'precision=bf16'])(
    'changes no bit of a run (%s)',
    async (setting) => {
      const outcomes = [];
      for (const threads of [1, 2, 4]) {
        const name = `${setting.at(-1)}-on-${threads}`;
        const settings = [`run.name=${name}`, `threads=${threads}`, 'train.steps=20', setting];
        await train(await resolveConfig(join(folder, 'recipe.json'), settings));
        outcomes.push(outcome(join(folder, 'runs', name)));
      }
      const [one, ...others] = outcomes;
      for (const other of others) {
        expect(other.metrics).toBe(one!.metrics);
        expect(other.model.equals(one!.model)).toBe(true);
        expect(other.optimizer.equals(one!.optimizer)).toBe(true);
      }
    },
  );
});
