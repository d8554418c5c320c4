import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exampleOf } from '../data/tfrecord/example.js';
import { frameOf } from '../data/tfrecord/frames.js';
import { runCli } from './run-cli.js';
import { memoryIo, runInMemory, tinySettings } from './test-support.js';

const home = process.cwd();
let folder = '';

/** A run `tiny` of a very small model on a short text, in a folder of its own. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-cli-'));
  process.chdir(folder);
  await writeFile('text.txt', 'It was a bright cold day in April, and the clocks were striking.\n'.repeat(20));
  await runInMemory(['init', 'text.txt']);
  const { code, err } = await runInMemory(['train', 'recipe.yaml', 'run.name=tiny', ...tinySettings]);
  expect(code, err).toBe(0);
});
afterAll(async () => {
  process.chdir(home);
  await rm(folder, { recursive: true });
});

const commands = 'quickstart init train generate prompt evaluate plan config runs sweep doctor'.split(' ');

describe('help', () => {
  it('refuses a topic that there is not, and suggests the nearest', async () => {
    const { code, err } = await runInMemory(['help', 'trian']);
    expect(code).toBe(2);
    expect(err).toMatch(/did you mean train/);
  });

  it('names every command', async () => {
    const { code, out } = await runInMemory(['--help']);
    expect(code).toBe(0);
    for (const command of commands) expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  it.each([...commands, 'runs list', 'runs compare'])('of %s shows an example', async (words) => {
    const path = words.split(' ');
    const { code, out } = await runInMemory([...path, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples?:\n  nonet ${words}`));
  });

  it('has its full width on a terminal that knows none', async () => {
    const wide = await runInMemory(['train', '--help'], { columns: 100 });
    expect(await runInMemory(['train', '--help'], { terminal: true, columns: 0 })).toEqual(wide);
  });

  it('is what a bare nonet gives, as a usage error', async () => {
    const { code, err, out } = await runInMemory([]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Usage: nonet/);
    expect(out).toBe('');
  });
});

describe('a wrong command line', () => {
  it('is told the nearest command, option or key', async () => {
    expect(await runInMemory(['genrate', 'x'])).toMatchObject({ code: 2, err: expect.stringContaining('generate') });
    expect(await runInMemory(['plan', 'a.yaml', '--jsn'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--json'),
    });
    expect(await runInMemory(['config', 'recipe.yaml', 'train.stepz=2'])).toMatchObject({
      code: 2,
      err: 'error: recipe.yaml has a problem: train.stepz: unknown key; did you mean train.steps?\n',
    });
  });
});

describe('init', () => {
  it('writes a recipe that the other commands take, and says the next command', async () => {
    const { code, out } = await runInMemory(['init', 'text.txt', '--out', 'other.yaml']);
    expect(code).toBe(0);
    expect(out).toMatch(/nonet train other\.yaml/);
    expect(await runInMemory(['config', 'other.yaml'])).toMatchObject({ code: 0 });
  });

  it('never overwrites a recipe unless it is forced to', async () => {
    await writeFile('mine.yaml', 'seed: 5\n');
    expect(await runInMemory(['init', 'text.txt', '--out', 'mine.yaml'])).toMatchObject({ code: 1 });
    expect(await readFile('mine.yaml', 'utf8')).toBe('seed: 5\n');
    expect(await runInMemory(['init', 'text.txt', '--out', 'mine.yaml', '--force'])).toMatchObject({ code: 0 });
  });

  it('writes a recipe to fill in where no data is named', async () => {
    const { code, out } = await runInMemory(['init', '--out', 'empty.yaml']);
    expect([code, out]).toEqual([0, expect.stringMatching(/Set data\.path/)]);
  });
});

describe('config', () => {
  it('prints the resolved configuration as YAML or JSON, settings included', async () => {
    const yaml = await runInMemory(['config', 'recipe.yaml', 'seed=7']);
    const json = await runInMemory(['config', 'recipe.yaml', 'seed=7', '--json']);
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
    expect(parse(yaml.out)).toMatchObject({ seed: 7, model: { preset: 'nano', layers: 4 }, train: { clip: 1 } });
  });

  it('lists all keys and the schema without a recipe', async () => {
    expect((await runInMemory(['config', '--keys'])).out).toMatch(/^model\.bitsPerPatch\n {4}integer from 1 to 12/m);
    expect(JSON.parse((await runInMemory(['config', '--schema'])).out)).toHaveProperty('properties.train');
  });
});

describe('train', () => {
  it('leaves a run that is listed with its figures', async () => {
    const [run] = JSON.parse((await runInMemory(['runs', 'list', '--json'])).out);
    expect(run).toMatchObject({ name: 'tiny', step: 2, steps: 2, validation: expect.any(Number), holder: null });
  });

  it('tells the accuracy of models that have one while it runs, and the medians at its end', async () => {
    const sizes = 'features: 8, pointwiseFeatures: 8, innerBottleneckFeatures: 8, spatialMixingKernel: 4, depth: 1';
    const model = `{ family: olmax, contextLength: 16, ${sizes} }`;
    const train = '{ steps: 2, batchSize: 2, warmupSteps: 1 }';
    await writeFile('bytes.yaml', `data: { path: text.txt }\nmodel: ${model}\ntrain: ${train}\n`);
    const { err, out, code } = await runInMemory(['train', 'bytes.yaml']);
    expect(code, err).toBe(0);
    expect(err).toMatch(/bits\/byte {2}\d+\.\d% right/);
    expect(out).toMatch(/^ *usual steps +median loss \d\.\d+ over 2 steps; .* a day; .* parameter bytes a day$/m);
  });

  it('gives programs its result', async () => {
    const argv = ['train', 'recipe.yaml', '--json', 'run.name=json', ...tinySettings];
    expect(JSON.parse((await runInMemory(argv)).out)).toMatchObject({ steps: 2, interrupted: false });
  });

  it('writes nothing but its result to standard output', async () => {
    const { out, err } = await runInMemory(['train', 'recipe.yaml', 'run.name=plain', ...tinySettings]);
    expect(out).toMatch(/^done with step 2/);
    expect(err).toMatch(/step 2\/2/);
  });

  it('goes on with a run, and further only by force', async () => {
    await runInMemory(['train', 'recipe.yaml', 'run.name=more', ...tinySettings]);
    const longer = ['train', '--resume', 'more', 'train.steps=3'];
    expect(await runInMemory(longer)).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
    expect(await runInMemory([...longer, '--force'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^done with step 3/),
    });
  });
});

describe('plan', () => {
  it('prints exactly the six figures as JSON and warns on standard error', async () => {
    const { out, err } = await runInMemory(['plan', 'recipe.yaml', '--json', ...tinySettings]);
    expect(Object.keys(JSON.parse(out))).toEqual([
      'parameters',
      'peakBytes',
      'activationBytes',
      'flopsPerStep',
      'bytesPerStep',
      'secondsPerStep',
    ]);
    expect(err).toMatch(/^warning: .*parameters/);
  });

  it('writes the graph of the model, or of a training step', async () => {
    const argv = ['plan', 'recipe.yaml', ...tinySettings, '--graph'];
    const opsOf = async (file: string, ...more: string[]) => {
      expect(await runInMemory([...argv, file, ...more])).toMatchObject({ code: 0 });
      const { nodes } = JSON.parse(await readFile(file, 'utf8')) as { nodes: { op: string }[] };
      return nodes.map(({ op }) => op);
    };
    const [model, step] = [await opsOf('model.json'), await opsOf('step.json', '--graph-of', 'step')];
    expect(model).toContain('attention');
    expect(model).not.toContain('attentionGradient');
    expect(step).toContain('attentionGradient');
    expect(await runInMemory([...argv, 'x.json', '--graph-of', 'loss'])).toMatchObject({ code: 2 });
  });
});

describe('generate', () => {
  it('writes as many bytes as asked for, the same for the same seed', async () => {
    const argv = ['generate', 'tiny', '--bytes', '24', '--prompt', 'It', '--seed', '3'];
    const first = await runInMemory(argv);
    expect(first.bytes).toHaveLength(24);
    expect((await runInMemory(argv)).bytes).toEqual(first.bytes);
    expect((await runInMemory([...argv.slice(0, -1), '4'])).bytes).not.toEqual(first.bytes);
  });

  it('gives a prompt the same text alone and first among several', async () => {
    const alone = await runInMemory(['generate', 'tiny', '--bytes', '8', '--prompt', 'It', '--json']);
    const both = await runInMemory([
      'generate',
      'tiny',
      '--bytes',
      '8',
      '--prompt',
      'It',
      '--prompt-hex',
      '41',
      '--json',
    ]);
    const rows = JSON.parse(both.out).rows;
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(JSON.parse(alone.out).rows[0]);
  });

  it('keeps to valid UTF-8 when told to', async () => {
    const { bytes } = await runInMemory(['generate', 'tiny', '--bytes', '60', '--utf8', '--temperature', '2']);
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes)).not.toThrow();
  });
});

describe('generate with filters', () => {
  it('hands every one of them on', async () => {
    const argv = ['generate', 'tiny', '--bytes', '24', '--prompt', 'It', '--seed', '3', '--temperature', '1'];
    const { bytes: free } = await runInMemory(argv);
    const { bytes: greedy } = await runInMemory([...argv, '--temperature', '0']);
    for (const filter of [
      ['--top-k', '1'],
      ['--top-p', '0.0001'],
      ['--top-a-scale', '1'],
    ]) {
      expect((await runInMemory([...argv, ...filter])).bytes, filter.join(' ')).toEqual(greedy);
      expect((await runInMemory([...argv, ...filter, '--min-probability', '0'])).bytes).toEqual(free);
    }
    const power = ['--top-a-scale', '1', '--top-a-power', '100'];
    expect((await runInMemory([...argv, ...power])).bytes).toEqual(free);
    expect((await runInMemory([...argv, '--typical-mass', '0.0001'])).bytes).not.toEqual(free);
  });
});

describe('prompt', () => {
  const talk = (input: string, ...argv: string[]) =>
    runInMemory(['prompt', 'tiny', '--length', '12', ...argv], { input });
  const write = async (prompt: string, ...argv: string[]) => {
    const { bytes } = await runInMemory(['generate', 'tiny', '--bytes', '12', '--utf8', '--prompt', prompt, ...argv]);
    return new TextDecoder().decode(bytes);
  };

  it('answers every line of a pipe, with what was said before as its context', async () => {
    const first = await write('It ');
    const second = await write(`It ${first}\nwas`, '--seed', '1');
    const third = await write(`It ${first}\nwas${second}`, '--seed', '2');
    const { code, out, err } = await talk('It \nwas\n\n');
    expect([code, out, err]).toEqual([0, `${first}\n${second}\n${third}\n`, expect.stringMatching(/^warning: /)]);
    expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });

  it('takes commands, and says what is wrong with them', async () => {
    const { code, out, err } = await talk(
      '/temperature 0\n/length 5\nIt\n/reset\n/temperature hot\n/lengt 3\n/line-break on\n/quit now\n//x\n/settings\n/quit\nIt\n',
    );
    const greedy = ['--temperature', '0', '--bytes', '5'];
    const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
    expect(out).toBe(ended(await write('It', ...greedy)) + ended(await write('/x\n', ...greedy)));
    expect(code).toBe(0);
    expect(err).toMatch(/^temperature is 0\nlength is 5$/m);
    expect(err).toMatch(/^error: \/temperature hot: Expected a number from 0 on\.$/m);
    expect(err).toMatch(/^error: there is no command \/lengt: did you mean \/length\?/m);
    expect(err).toMatch(/^error: \/quit takes no value\.$/m);
    expect(err).toMatch(/^ {2}line-break +on$/m);
  });

  it('explains itself, and ends with its input', async () => {
    const { code, out, err } = await talk('/help');
    expect([code, out]).toEqual([0, '']);
    for (const name of ['temperature', 'top-k', 'typical-mass', 'min-probability', 'seed', 'length', 'reset', 'quit']) {
      expect(err).toMatch(new RegExp(`^  /${name} `, 'm'));
    }
  });

  it('is refused for a wrong run or setting', async () => {
    expect(await runInMemory(['prompt', 'tinny'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/mean tiny\?/),
    });
    const settings = [
      ['--length', '0'],
      ['--typical-mass', '0'],
      ['--min-probability', '2'],
      ['--top-a-scale', 'x'],
    ];
    for (const setting of settings) {
      expect(await talk('It\n', ...setting)).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringMatching(/Expected a /),
      });
    }
  });

  it('stops an answer at Ctrl-C and takes the next line', async () => {
    const listeners = process.listenerCount('SIGINT');
    const { io, out } = memoryIo({ input: 'It\n/length 4\nIt\n' });
    const write = (data: string | Uint8Array): unknown => {
      if (out() === '') process.emit('SIGINT');
      return io.out.write(data);
    };
    const code = await runCli(['prompt', 'tiny', '--length', '100000'], { ...io, out: { write } });
    expect(code).toBe(0);
    const [stopped, next] = out().split('\n');
    expect(stopped!.length).toBeLessThan(100);
    expect(next!.length).toBeLessThanOrEqual(4);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
  });
});

describe('sweep', () => {
  const file = (text: string) => writeFile('rates.yaml', `recipe: recipe.yaml\n${text}`);

  it('trains runs and writes a table, the best one first', async () => {
    await file('method: random\ntrials: 2\nparameters:\n  train.learningRate: { min: 0.0001, max: 0.1, scale: log }\n');
    const { code, out, err } = await runInMemory(['sweep', 'rates.yaml', ...tinySettings]);
    expect(code, err).toBe(0);
    expect(err).toMatch(/^trial 1\/2: train\.learningRate 0\.\d+$/m);
    expect(err).toMatch(/^trial 1\/2: \d\.\d{4} bits per byte, best .* about .* left$/m);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^run +bits\/byte +time +train\.learningRate$/);
    expect(Number(lines[1]!.split(/ +/)[1])).toBeLessThanOrEqual(Number(lines[2]!.split(/ +/)[1]));
    expect(out).toMatch(/table: runs\/rates\/trials\.csv\nnext:\n {2}nonet evaluate rates-00[12]\n$/);
    const again = await runInMemory(['sweep', 'rates.yaml', '--json', ...tinySettings]);
    expect(JSON.parse(again.out)).toMatchObject({
      interrupted: false,
      trials: [{ status: 'done' }, { status: 'done' }],
    });
    expect(await runInMemory(['evaluate', 'rates-001'])).toMatchObject({ code: 0 });
  });

  it('fails where every trial does', async () => {
    await file('name: hopeless\nparameters: { model.heads: { values: [3] } }\nmethod: grid\n');
    const { code, out, err } = await runInMemory([
      'sweep',
      'rates.yaml',
      ...tinySettings.filter((s) => !/heads/.test(s)),
    ]);
    expect([code, out]).toEqual([1, expect.stringMatching(/^hopeless-001 +failed/m)]);
    expect(err).toMatch(/^error: all trials of hopeless failed; the first one: model: dModel 16 does not divide/m);
  });

  it('lists the keys of its file', async () => {
    expect((await runInMemory(['sweep', '--keys'])).out).toMatch(/^tpe\.quantile\n {4}number above 0 and below 1/m);
  });
});

describe('evaluate', () => {
  it('prints exactly the keys that programs rely on', async () => {
    const { out } = await runInMemory(['evaluate', 'tiny', '--json', '--stride', '4']);
    const keys = ['bitsPerByte', 'parityCrossEntropy', 'bytes', 'context', 'stride', 'compressors'];
    expect(Object.keys(JSON.parse(out))).toEqual(keys);
    expect(JSON.parse(out)).toMatchObject({ parityCrossEntropy: null, context: 16, stride: 4 });
  });

  it('shows the surprise of every byte, whose mean is the bits per byte', async () => {
    await writeFile('other.txt', 'the clocks');
    const argv = ['evaluate', 'tiny', '--data', 'other.txt', '--per-byte'];
    const { perByte, bitsPerByte } = JSON.parse((await runInMemory([...argv, '--json'])).out);
    expect(perByte).toHaveLength(10);
    expect(perByte.reduce((sum: number, bits: number) => sum + bits, 0) / 10).toBeCloseTo(bitsPerByte, 3);
    expect((await runInMemory(argv)).out.trimEnd().split('\n')).toHaveLength(11);
    expect((await runInMemory(argv, { terminal: true })).out).toContain('\x1b[38;5;');
  });
});

describe('evaluate --data', () => {
  it('reads other data as the run reads its own: separators, damaged records', async () => {
    const records = ['the clocks ', 'were striking ', 'thirteen'].map((record) =>
      frameOf(exampleOf(Buffer.from(record), 'text', 'bytes')),
    );
    const damaged = Buffer.from(records[1]!);
    damaged[20] = damaged[20]! ^ 1;
    await writeFile('documents.jsonl', ['the clocks', 'thirteen'].map((text) => `{"text":"${text}"}\n`).join(''));
    await writeFile('documents.txt', 'the clocks\x04thirteen');
    await writeFile('records.tfrecord', Buffer.concat([records[0]!, damaged, records[2]!]));
    await writeFile('records.txt', 'the clocks thirteen');
    const settings = ['run.name=reads', ...tinySettings, 'data.format=auto', 'data.separator=4', 'data.damaged=skip'];
    expect(await runInMemory(['train', 'recipe.yaml', ...settings])).toMatchObject({ code: 0 });
    const score = async (file: string) => {
      const { out, err } = await runInMemory(['evaluate', 'reads', '--data', file, '--json']);
      return { score: JSON.parse(out), err };
    };
    const documents = await score('documents.jsonl');
    expect(documents.score).toEqual((await score('documents.txt')).score);
    const { score: rest, err } = await score('records.tfrecord');
    expect(rest).toEqual((await score('records.txt')).score);
    expect(err).toMatch(/warning: left out: .*records\.tfrecord, record 2/);
  });
});

describe('runs compare', () => {
  it('tells in what two runs differ', async () => {
    await runInMemory(['train', 'recipe.yaml', 'run.name=seeded', ...tinySettings, 'seed=2']);
    const { out } = await runInMemory(['runs', 'compare', 'tiny', 'seeded']);
    expect(out).toMatch(/^seed +1337 +2$/m);
    expect(out).not.toMatch(/model\.layers/);
  });
});
