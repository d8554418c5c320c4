import { describe, expect, it } from 'vitest';
import { createProgress, type ProgressOptions, smoothedSpeed } from './progress.js';

/** A stream that keeps what is written, and a clock that is set by hand. */
function setUp(options: Partial<ProgressOptions> & { isTTY?: boolean; columns?: number } = {}) {
  const written: string[] = [];
  const clock = { time: 0 };
  const { isTTY = false, columns, ...rest } = options;
  const progress = createProgress({
    steps: 100,
    bytesPerStep: 1000,
    bitsPerStep: 8000,
    flopsPerStep: 2e9,
    stream: { isTTY, columns, write: (text: string) => written.push(text) },
    now: () => clock.time,
    ...rest,
  });
  return { progress, written, clock };
}

describe('without a terminal', () => {
  it('writes a plain line at intervals, and the last one', () => {
    const { progress, written, clock } = setUp();
    for (let step = 1; step <= 100; step++) {
      clock.time = step * 0.25;
      progress.update({ step, loss: 0.5 });
    }
    progress.finish();
    expect(written.map((line) => /step +(\d+)/.exec(line)?.[1])).toEqual(['1', '41', '81', '100']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none are there is the point
    expect(written.join('')).not.toMatch(/[\r\x1b]/);
    expect(written.every((line) => line.endsWith('\n'))).toBe(true);
  });

  it('writes an evaluation at once', () => {
    const { progress, written } = setUp();
    progress.update({ step: 1 });
    progress.update({ step: 2 });
    progress.update({ step: 3, validationBitsPerByte: 2.5 });
    expect(written).toHaveLength(2);
    expect(written[1]).toContain('validation 2.500');
  });

  it('writes the state in which a run was stopped, once', () => {
    const { progress, written } = setUp();
    progress.update({ step: 1 });
    progress.update({ step: 2 });
    progress.finish();
    progress.finish();
    expect(written.map((line) => /step +(\d+)/.exec(line)?.[1])).toEqual(['1', '2']);
  });
});

describe('on a terminal', () => {
  it('writes over its line, at most ten times a second', () => {
    const { progress, written, clock } = setUp({ isTTY: true });
    for (let step = 1; step <= 99; step++) {
      clock.time = step / 128;
      progress.update({ step });
    }
    expect(written.length).toBeGreaterThan(5);
    expect(written.length).toBeLessThan(10);
    for (const text of written) {
      expect(text.startsWith('\r\x1b[2K')).toBe(true);
      expect(text).not.toContain('\n');
    }
  });

  it('leaves its last column free', () => {
    const { progress, written, clock } = setUp({ isTTY: true, columns: 30 });
    clock.time = 1;
    progress.update({ step: 1, loss: 0.5, bitsPerByte: 3, seconds: 1 });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the codes take no columns
    const visible = written[0]!.replace(/\x1b\[[0-9;]*[mK]|\r/g, '');
    expect(visible).toBe('step   1/100  3.000 bits/byte');
    expect(visible).toHaveLength(29);
  });

  it('shows its line on a terminal that knows no width', () => {
    const { progress, written } = setUp({ isTTY: true, columns: 0 });
    progress.update({ step: 1 });
    expect(written[0]).toContain('step   1/100');
  });

  it('prints notes above the line', () => {
    const { progress, written } = setUp({ isTTY: true });
    progress.update({ step: 1 });
    progress.note('saved');
    expect(written[1]).toBe('\r\x1b[2Ksaved\n');
    expect(written[2]).toContain('step   1/100');
  });

  it('ends its line when it is done', () => {
    const { progress, written } = setUp({ isTTY: true });
    progress.update({ step: 1 });
    progress.update({ step: 2 });
    progress.finish();
    expect(written.at(-2)).toContain('step   2/100');
    expect(written.at(-1)).toBe('\n');
  });
});

describe('the speeds', () => {
  it('follow from the time of a step', () => {
    const { progress, written } = setUp({ peakFlops: 1e10 });
    progress.update({ step: 60, seconds: 0.5, validationBitsPerByte: 3 });
    expect(written[0]).toContain('2.0 kB/s  16.0 kbit/s  4.0 GFLOP/s  40.0% of peak  20.0 s left');
  });

  it('count from the first update, wherever a resumed run starts', () => {
    const { progress, written, clock } = setUp();
    clock.time = 5;
    progress.update({ step: 50 });
    clock.time = 7;
    progress.update({ step: 54, validationBitsPerByte: 3 });
    expect(written[0]).not.toContain('kB/s');
    expect(written[1]).toContain('2.0 kB/s');
    expect(written[1]).toContain('23.0 s left');
  });
});

describe('smoothedSpeed', () => {
  it('is exact while the speed stays', () => {
    const speed = smoothedSpeed(10);
    expect(speed.perSecond()).toBeUndefined();
    for (const seconds of [0.1, 3, 40]) {
      speed.add(seconds * 7, seconds);
      expect(speed.perSecond()).toBeCloseTo(7, 10);
    }
  });

  it('follows a change within its memory, not at once', () => {
    const speed = smoothedSpeed(10);
    for (let i = 0; i < 100; i++) speed.add(1, 1);
    speed.add(3, 1);
    expect(speed.perSecond()).toBeLessThan(1.3);
    for (let i = 0; i < 50; i++) speed.add(3, 1);
    expect(speed.perSecond()).toBeGreaterThan(2.95);
  });

  it('takes no notice of a step in no time', () => {
    const speed = smoothedSpeed(10);
    speed.add(5, 0);
    expect(speed.perSecond()).toBeUndefined();
  });
});
