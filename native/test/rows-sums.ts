/** Sums over rows: fixed order, whatever the task and the thread. */
import { expect, it } from 'vitest';
import type { NativeAddon } from '../../src/compile/native/addon.js';
import { columnSum, f32, f64, full, register, rowRegister, runRows, values } from './assemble.js';
import { expectClose, sameBits } from './expectations.js';

export const sumsSuite = (addon: NativeAddon): void => {
  for (const [rows, cols] of [
    [1, 5],
    [64, 3],
    [65, 33],
    [700, 20],
    [300, 1],
    [130, 3000],
  ] as const) {
    it(`sum ${rows} x ${cols} over rows with the same bits whatever the task and the threads`, async () => {
      const tasks = addon.sumTasks(rows, cols);
      const [a, b] = [values(rows * cols, 31), values(rows * cols, 32)];
      const slots = [
        full(f32, 0, rows, cols),
        full(f32, 1, rows, cols),
        columnSum(f32, 2, 3),
        columnSum(f32, 4, 5),
        columnSum(f64, 6, 7),
        register(f32),
        columnSum(f32, 8, 9),
      ];
      const code = [
        { op: 90, dst: 2, a: 0 },
        { op: 91, dst: 3, a: 0, b: 1 },
        { op: 90, dst: 4, a: 0 },
        { op: 42, dst: 5, a: 0, b: 1 },
        { op: 90, dst: 6, a: 5 },
      ];
      const sums = () => [new Float32Array(cols), new Float32Array(tasks * cols)];
      const arrays = [a, b, ...sums(), ...sums(), new Float64Array(cols), new Float64Array(tasks * cols), ...sums()];
      const run = (rowsPerTask: number, threads: number) =>
        runRows(addon, arrays, { rows, cols, rowsPerTask, slots, code }, { threads });
      const got = await run(0, 1);
      const exact = new Float64Array(cols);
      for (let i = 0; i < a.length; i++) exact[i % cols]! += a[i]!;
      expectClose(got[2]!, (c) => exact[c]!, 1e-4, 'columnSum');
      expectClose(got[6]!, (c) => exact[c]!, 1e-13, 'columnSum in f64');
      expect([...got[4]!]).toEqual([...got[8]!]); // columnDot is columnSum of the product
      for (const [rowsPerTask, threads] of [
        [1, 1],
        [100, 2],
        [0, 4],
        [128, 3],
      ] as const) {
        const other = await run(rowsPerTask, threads);
        for (const i of [2, 4, 6]) expect(sameBits(other[i]!, got[i]!)).toBe(true);
      }
    });
  }

  it('sum one value per row to a single value', async () => {
    const rows = 1000;
    const tasks = addon.sumTasks(rows, 1);
    const a = values(rows * 9, 33);
    const slots = [full(f32, 0, rows, 9), rowRegister(f32), columnSum(f64, 1, 2)];
    const code = [
      { op: 80, dst: 1, a: 0 },
      { op: 90, dst: 2, a: 1 },
    ];
    const got = await runRows(addon, [a, new Float64Array(1), new Float64Array(tasks)], { rows, cols: 9, slots, code });
    expect(got[1]![0]).toBeCloseTo(
      a.reduce((s, v) => s + v, 0),
      3,
    );
  });
};
