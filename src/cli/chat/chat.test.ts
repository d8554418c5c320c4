import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInMemory } from '../test-support.js';

const home = process.cwd();
let folder = '';

/** Two runs of the family olmax: one has learnt a verse, the other one blanks. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-chat-'));
  process.chdir(folder);
  await writeFile('verse.txt', 'ROMEO: but soft, what light\n'.repeat(60));
  await writeFile('blank.txt', ' '.repeat(1000));
  await writeFile('tiny.yaml', recipe);
  for (const name of ['verse', 'blank']) {
    const { code, err } = await runInMemory(['train', 'tiny.yaml', `data.path=${name}.txt`, `run.name=${name}`]);
    expect(code, err).toBe(0);
  }
});
afterAll(async () => {
  process.chdir(home);
  await rm(folder, { recursive: true });
});

const recipe = `
data: { path: text.txt }
model:
  family: olmax
  contextLength: 32
  features: 16
  pointwiseFeatures: 16
  pointwiseKernel: 3
  innerBottleneckFeatures: 8
  outerBottleneckKernel: 3
  innerBottleneckKernel: 3
  spatialMixingKernel: 8
  depth: 1
  learningRateFactors: none
train: { batchSize: 4, steps: 60, learningRate: 0.01, warmupSteps: 5, evaluateEvery: 0 }
`;

describe('nonet prompt with a model of the family olmax', () => {
  const talk = (run: string, input: string, ...argv: string[]) =>
    runInMemory(['prompt', run, '--length', '40', '--temperature', '0', ...argv], { input });

  it('answers a line of a pipe, with or without its end', async () => {
    // More than the context holds.
    const greedy = ['--bytes', '40', '--temperature', '0', '--utf8'];
    const { bytes } = await runInMemory(['generate', 'verse', ...greedy, '--prompt', 'ROMEO:']);
    const text = new TextDecoder().decode(bytes);
    expect(text).toMatch(/soft|light/);
    for (const input of ['ROMEO:\n', 'ROMEO:']) {
      const { code, out, err } = await talk('verse', input);
      expect([code, out.trimEnd()]).toEqual([0, text.trimEnd()]);
      expect(err).not.toMatch(/the answer/);
    }
  });

  it('says once that nothing of its answers can be seen', async () => {
    const { code, out, err } = await talk('blank', 'ROMEO:\nJULIET:\n', '--length', '8');
    expect([code, out]).toEqual([0, `${' '.repeat(8)}\n`.repeat(2)]);
    expect(err.match(/warning: the answer is nothing but white space/g)).toHaveLength(1);
  });

  it('says that an answer was ended before it began', async () => {
    const { code, out, err } = await talk('blank', 'ROMEO:\n', '--stop', ' ');
    expect([code, out]).toEqual([0, '\n']);
    expect(err).toMatch(/warning: the answer is empty/);
  });
});
