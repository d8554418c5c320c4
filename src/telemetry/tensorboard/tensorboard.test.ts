import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readFrames } from '../../data/tfrecord/frames.js';
import { type Summary, startEvent, summaryEvent, versionEvent } from './event.js';
import { openEventFile } from './event-file.js';
import { histogramOf } from './histogram.js';

const folder = mkdtempSync(join(tmpdir(), 'nonet-board-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Made by golden.py from the messages that come with TensorBoard. */
const golden: Record<string, string> = JSON.parse(readFileSync(join(import.meta.dirname, 'golden.json'), 'utf8'));
const summaries: readonly Summary[] = [
  { tag: 'loss', scalar: 0.625 },
  {
    tag: 'weights',
    histogram: {
      min: -1.5,
      max: 2,
      count: 3,
      sum: 0.5,
      sumOfSquares: 6.25,
      limits: [-1.4, -1, 2.5],
      counts: [1, 0, 2],
    },
  },
  { tag: 'sample', text: 'whale €' },
];

describe('events', () => {
  it.each([
    ['version', versionEvent(1234.5)],
    ['start', startEvent({ wallTime: 1234.5, step: 300 })],
    ['summary', summaryEvent({ wallTime: 1235.25, step: 300 }, summaries)],
  ])('are byte for byte those of TensorBoard: %s', (name, bytes) => {
    expect(Buffer.from(bytes).toString('base64')).toBe(golden[name]);
  });
});

describe('event files', () => {
  it('are records of the events in order, in a folder that is made', async () => {
    let time = 1234.5;
    const file = openEventFile(join(folder, 'deep', 'board'), { step: 300, now: () => time });
    time = 1235.25;
    file.write(300, summaries);
    file.write(301, []);
    file.close();
    const pieces = async function* () {
      yield readFileSync(file.path);
    };
    const events: string[] = [];
    for await (const { record } of readFrames(pieces(), { path: file.path })) {
      events.push(Buffer.from(record).toString('base64'));
    }
    expect(events).toEqual([golden.version, golden.start, golden.summary]);
  });

  it('say where they cannot be', () => {
    const file = join(import.meta.dirname, 'golden.json');
    expect(() => openEventFile(join(file, 'board'), { step: 0 })).toThrow(
      /cannot create .*a part of the path is a file/,
    );
  });
});

describe('histogramOf', () => {
  it('puts every finite value into the bucket that its neighbours bound', () => {
    const value = fc.oneof(
      fc.double({ noNaN: false }),
      fc.double({ min: -3, max: 3 }),
      fc.constantFrom(0, 1e-12, -1e-12),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 50 }), (values) => {
        const histogram = histogramOf(values);
        const finite = values.filter(Number.isFinite);
        expect(histogram === undefined).toBe(finite.length === 0);
        if (!histogram) return;
        const { limits, counts, count, min, max } = histogram;
        expect(count).toBe(finite.length);
        expect([min + 0, max + 0]).toEqual([Math.min(...finite) + 0, Math.max(...finite) + 0]);
        expect([...limits].sort((a, b) => a - b)).toEqual(limits);
        counts.forEach((inside, i) => {
          const low = limits[i - 1] ?? Number.NEGATIVE_INFINITY;
          expect(inside).toBe(finite.filter((x) => x > low && x <= limits[i]!).length);
        });
      }),
    );
  });
});
