import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cutMetrics, openMetrics, readMetrics } from './metrics.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nonet-metrics-'));
  path = join(folder, 'metrics.jsonl');
});

afterEach(() => rm(folder, { recursive: true }));

describe('openMetrics', () => {
  it('has written a row when the call returns, one JSON object a line', async () => {
    const metrics = openMetrics(path);
    metrics.write({ step: 1, loss: Math.LN2 });
    expect(await readFile(path, 'utf8')).toBe('{"step":1,"loss":0.6931471805599453}\n');
    metrics.write({ step: 2, loss: Number.NaN });
    expect(await readFile(path, 'utf8')).toMatch(/\n\{"step":2,"loss":null\}\n$/);
    metrics.sync();
    metrics.close();
  });

  it('goes on after the rows that are there', async () => {
    await writeFile(path, '{"step":1}\n');
    const metrics = openMetrics(path);
    metrics.write({ step: 2 });
    metrics.close();
    expect(await readMetrics(path)).toEqual([{ step: 1 }, { step: 2 }]);
  });

  it.each(['{"step":2,"lo', '{'])('removes the half-written line %j before it goes on', async (half) => {
    await writeFile(path, `{"step":1}\n${half}`);
    const metrics = openMetrics(path);
    metrics.write({ step: 2 });
    metrics.close();
    expect(await readFile(path, 'utf8')).toBe('{"step":1}\n{"step":2}\n');
  });

  it('says when the file cannot be opened', () => {
    expect(() => openMetrics(join(folder, 'none', 'metrics.jsonl'))).toThrowError(
      expect.objectContaining({ code: 'E_FILE' }),
    );
  });

  it.runIf(existsSync('/dev/full'))('says when the disk is full', () => {
    const metrics = openMetrics('/dev/full');
    expect(() => metrics.write({ step: 1 })).toThrowError(
      expect.objectContaining({ code: 'E_FILE', message: expect.stringContaining('the disk is full') }),
    );
    metrics.close();
  });
});

describe('readMetrics', () => {
  it('leaves out a last line that is half written', async () => {
    await writeFile(path, '{"step":1}\n{"step":2}\n{"st');
    expect(await readMetrics(path)).toEqual([{ step: 1 }, { step: 2 }]);
  });

  it('has no rows where there is no file', async () => {
    expect(await readMetrics(path)).toEqual([]);
  });

  it.each(['{"step":1\n{"step":2}\n', '{"loss":1}\n', '{"step":"2"}\n'])('refuses %j', async (text) => {
    await writeFile(path, text);
    await expect(readMetrics(path)).rejects.toMatchObject({ code: 'E_DATA' });
  });
});

describe('cutMetrics', () => {
  it('removes the rows beyond a step and keeps the others to the byte', async () => {
    await writeFile(path, '{"step":1, "loss":0.50}\n{"step":2}\n{"step":3}\n');
    await cutMetrics(path, 2);
    expect(await readFile(path, 'utf8')).toBe('{"step":1, "loss":0.50}\n{"step":2}\n');
    expect(await readdir(folder)).toEqual(['metrics.jsonl']);
  });

  it('gives the file of a run that was never interrupted', async () => {
    const writeSteps = (from: number, to: number): void => {
      const metrics = openMetrics(path);
      for (let step = from; step <= to; step++) metrics.write({ step, loss: 1 / step });
      metrics.close();
    };
    writeSteps(1, 9);
    const whole = await readFile(path, 'utf8');
    await rm(path);

    writeSteps(1, 6);
    await appendFile(path, '{"step":7,"lo');
    await cutMetrics(path, 4);
    writeSteps(5, 9);
    expect(await readFile(path, 'utf8')).toBe(whole);
  });

  it('is content without a file', async () => {
    await cutMetrics(path, 2);
    expect(existsSync(path)).toBe(false);
  });
});
