/** Random numbers of row programs. */
import { expect, it } from 'vitest';
import type { NativeAddon } from '../../src/compile/native/addon.js';
import { threefry2x32 } from '../../src/core/random.js';
import { f32, full, i32, runRows, scalar } from './assemble.js';
import { expectClose, sameBits } from './expectations.js';

export const randomSuite = (addon: NativeAddon): void => {
  it('draw random numbers from seed, step, stream and index alone', async () => {
    const [rows, cols] = [40, 100];
    const n = rows * cols;
    const draw = async (
      op: number,
      seed: number,
      step: number,
      x: number,
      y: number,
      r = rows,
      c = cols,
      rowsPerTask = 0,
      threads = 1,
    ) => {
      const slots = [scalar(i32, 0), scalar(i32, 1), full(f32, 2, r, c)];
      const code = [{ op, dst: 2, a: 0, b: 1, x, y }];
      const arrays = [Int32Array.of(seed), Int32Array.of(step), new Float32Array(r * c)];
      return (await runRows(addon, arrays, { rows: r, cols: c, rowsPerTask, slots, code }, { threads }))[2]!;
    };
    for (const op of [100, 101]) {
      const got = await draw(op, -7, 3, 5, 0);
      expectClose(
        got,
        (i) => {
          const [w0, w1] = threefry2x32(-7, 3, i, 5);
          if (op === 100) return (w0 >>> 8) * 2 ** -24;
          return Math.sqrt(-2 * Math.log(((w0 >>> 8) + 1) * 2 ** -24)) * Math.cos(2 * Math.PI * (w1 >>> 8) * 2 ** -24);
        },
        op === 100 ? 0 : 3e-6,
        `random ${op}`,
      );
      expect(sameBits(await draw(op, -7, 3, 5, 0, 10, 400, 3, 3), got)).toBe(true);
      const offset = await draw(op, -7, 3, 5, 17);
      expect([...offset.subarray(0, n - 17)]).toEqual([...got.subarray(17)]);
      for (const other of [await draw(op, 8, 3, 5, 0), await draw(op, -7, 4, 5, 0), await draw(op, -7, 3, 6, 0)]) {
        expect([...other]).not.toEqual([...got]);
      }
    }
  });
};
