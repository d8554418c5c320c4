import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import {
  assemble,
  bool,
  type Call,
  f32,
  float,
  full,
  i32,
  kernel,
  register,
  rowParams,
  runOver,
  state,
  values,
} from '../../../native/test/assemble.js';
import { loadAddon, type NativeAddon, type NativeBuffer } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

describe('the build that NONET_ADDON names', () => {
  it('is the one that is loaded, and a mistake there is not passed over', () => {
    vi.stubEnv('NONET_ADDON', 'nowhere/nonet.node');
    try {
      expect(loadAddon).toThrow(
        expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('nowhere') }),
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

const double = (segment: number, count: number, offset = 0): Call => ({
  kernel: kernel.rowProgram,
  operands: [[segment, offset]],
  params: rowParams({
    rows: 1,
    cols: count,
    flat: true,
    slots: [full(f32, 0, 1, count)],
    code: [{ op: 70, dst: 0, a: 0, x: 2 }],
  }),
});
const fill = (segment: number, offset: number, value: number): Call => ({
  kernel: kernel.fill,
  operands: [[segment, offset]],
  params: [i32, 1, float(value)],
});

describe('memory', () => {
  it('is zeroed, written, read and copied by byte offset', () => {
    for (const bytes of [0, 16, 3_000_000]) {
      const buffer = addon.allocate(bytes);
      const all = new Uint8Array(bytes).fill(1);
      addon.read(buffer, 0, all);
      expect(all.every((byte) => byte === 0)).toBe(true);
      addon.free(buffer);
    }
    const [a, b] = [addon.allocate(16), addon.allocate(16)];
    addon.write(a, 4, Float32Array.of(1.5, 2.5));
    addon.copy(b, 0, a, 8, 8);
    const got = new Float32Array(4);
    addon.read(b, 0, got);
    expect([...got]).toEqual([2.5, 0, 0, 0]);
    addon.free(a);
    addon.free(b);
  });

  it('counts to the byte, scratch included, and knows its high-water mark', async () => {
    const before = addon.memory().current;
    const buffer = addon.allocate(4000);
    expect(addon.memory().current).toBe(before + 4000);
    // y = x * 2 through a register: one block of scratch per thread.
    const slots = [full(f32, 0, 1, 1000), register(f32)];
    const code = [
      { op: 70, dst: 1, a: 0, x: 2 },
      { op: 1, dst: 0, a: 1 },
    ];
    const params = rowParams({ rows: 1, cols: 1000, flat: true, slots, code });
    const program = addon.load(assemble([state(4000)], [{ kernel: kernel.rowProgram, operands: [[0, 0]], params }]));
    const { scratchBytes } = addon.programInfo(program);
    expect(scratchBytes).toBeGreaterThanOrEqual(4000);
    addon.resetPeak();
    await addon.run(program, [buffer], 1, 3);
    expect(addon.memory()).toEqual({ current: before + 4000, peak: before + 4000 + 3 * scratchBytes });
    addon.free(buffer);
    addon.free(buffer);
    expect(addon.memory().current).toBe(before);
    addon.resetPeak();
    expect(addon.memory().peak).toBe(before);
  });

  it('refuses ranges outside, freed memory, foreign handles and impossible sizes', () => {
    const buffer = addon.allocate(8);
    expect(() => addon.write(buffer, 4, new Float32Array(2))).toThrow(/outside/);
    expect(() => addon.read(buffer, 9, new Uint8Array(0))).toThrow(/outside/);
    expect(() => addon.read(buffer, -1, new Uint8Array(1))).toThrow(/byteOffset/);
    expect(() => addon.copy(buffer, 0, buffer, 4, 8)).toThrow(/outside/);
    addon.free(buffer);
    expect(() => addon.read(buffer, 0, new Uint8Array(1))).toThrow(/freed/);
    const program = addon.load(assemble([], []));
    expect(() => addon.read(program as unknown as NativeBuffer, 0, new Uint8Array(1))).toThrow(/not a memory handle/);
    expect(() => addon.free({} as NativeBuffer)).toThrow(expect.objectContaining({ code: 'E_PROGRAM' }));
    expect(() => addon.allocate(2 ** 52)).toThrow(expect.objectContaining({ code: 'E_MEMORY' }));
  });
});

describe('runs', () => {
  it('repeat over strided segments, each repetition on its own part', async () => {
    const call: Call = {
      kernel: kernel.copy,
      operands: [
        [0, 4],
        [1, 0],
      ],
      params: [4, 1, 2, 1, 1],
    };
    const input = Float32Array.from({ length: 12 }, (_, i) => i);
    const { data, result } = await runOver(addon, [input, new Float32Array(6)], [call], {
      repeat: 3,
      strides: [16, 8],
    });
    expect([...data[1]!]).toEqual([1, 2, 5, 6, 9, 10]);
    expect(result).toMatchObject({ status: 'done', iteration: 3 });
  });

  it('carry state from one repetition to the next', async () => {
    const { data } = await runOver(addon, [Float32Array.of(1, 3)], [double(0, 2)], { repeat: 10 });
    expect([...data[0]!]).toEqual([1024, 3072]);
  });

  it('skip forward on a condition', async () => {
    for (const [condition, want] of [
      [0, [0, 1, 2]],
      [7, [7, 0, 2]],
    ] as const) {
      const skip: Call = { kernel: kernel.skipIf, operands: [[0, 0]], params: [i32, 2] };
      const { data } = await runOver(addon, [Int32Array.of(condition, 0, 0)], [skip, fill(0, 4, 1), fill(0, 8, 2)]);
      expect([...data[0]!]).toEqual(want);
    }
    const byte: Call = { kernel: kernel.skipIf, operands: [[0, 1]], params: [bool, 2] };
    const { data } = await runOver(addon, [Uint8Array.of(0, 1), new Int32Array(1)], [byte, fill(1, 0, 1)]);
    expect([...data[1]!]).toEqual([0]);
  });

  it('end at a guard, say which and when, and write nothing behind it', async () => {
    const flags = Int32Array.of(0, 0, 1, 0);
    const guard: Call = { kernel: kernel.guard, operands: [[0, 0]], params: [i32, 5] };
    const options = { repeat: 4, strides: [4, 4] };
    const { data, result } = await runOver(addon, [flags, new Int32Array(4)], [guard, fill(1, 0, 9)], options);
    expect(result).toMatchObject({ status: 'guard', id: 5, iteration: 2 });
    expect([...data[1]!]).toEqual([9, 9, 0, 0]);
  });

  it('time every instruction when asked', async () => {
    const buffer = addon.allocate(4);
    const program = addon.load(assemble([state(4)], [fill(0, 0, 1), fill(0, 0, 2)]));
    expect((await addon.run(program, [buffer], 1, 1)).profile).toBeUndefined();
    const { profile, seconds } = await addon.run(program, [buffer], 100, 1, true);
    expect(profile).toHaveLength(2);
    expect(profile!.reduce((sum, s) => sum + s, 0)).toBeLessThanOrEqual(seconds);
    addon.free(buffer);
  });

  it('queue up: runs started together each see their own memory whole', async () => {
    const count = 50_000;
    const program = addon.load(assemble([state(count * 4)], [double(0, count)]));
    const buffers = Array.from({ length: 6 }, (_, i) => {
      const buffer = addon.allocate(count * 4);
      addon.write(buffer, 0, new Float32Array(count).fill(i + 1));
      return buffer;
    });
    await Promise.all(buffers.map((buffer) => addon.run(program, [buffer], 3, 2)));
    buffers.forEach((buffer, i) => {
      const got = new Float32Array(count);
      addon.read(buffer, 0, got);
      expect(got.every((v) => v === 8 * (i + 1))).toBe(true);
      addon.free(buffer);
    });
  });

  it('keep memory alive that is freed while they use it', async () => {
    const count = 2_000_000;
    const program = addon.load(assemble([state(count * 4)], [double(0, count)]));
    const before = addon.memory().current;
    const buffer = addon.allocate(count * 4);
    const run = addon.run(program, [buffer], 20, 2);
    addon.free(buffer);
    expect((await run).status).toBe('done');
    expect(addon.memory().current).toBe(before);
  });

  it('refuse buffers that do not fit the segments', () => {
    const program = addon.load(assemble([[3, 16, 8]], []));
    const buffer = addon.allocate(24);
    const run = (buffers: NativeBuffer[], repeat: number, threads = 1) => addon.run(program, buffers, repeat, threads);
    return Promise.all([
      expect(run([buffer], 2)).resolves.toMatchObject({ status: 'done' }),
      expect(run([buffer], 3)).rejects.toMatchObject({ code: 'E_PROGRAM' }),
      expect(run([], 1)).rejects.toMatchObject({ code: 'E_PROGRAM' }),
      expect(run([buffer], 1, 0)).rejects.toMatchObject({ code: 'E_PROGRAM' }),
    ]);
  });

  it('work in several worker threads at once, and survive their end', async () => {
    const path = fileURLToPath(new URL('../../../native/build/Release/nonet.node', import.meta.url));
    const bytes = assemble([state(4000)], [double(0, 1000)]);
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      const addon = require(workerData.path);
      const program = addon.load(workerData.bytes);
      const buffer = addon.allocate(4000);
      addon.write(buffer, 0, new Float32Array(1000).fill(1));
      (async () => {
        for (let i = 0; i < 10; i++) await addon.run(program, [buffer], 1, 2);
        const got = new Float32Array(1000);
        addon.read(buffer, 0, got);
        parentPort.postMessage(got.every((v) => v === 1024));
        addon.run(program, [buffer], 1000, 2); // still under way when the worker ends
        if (workerData.abrupt) process.exit(0);
      })();`;
    const outcomes = [0, 1, 2, 3].map(
      (i) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(source, { eval: true, workerData: { path, bytes, abrupt: i % 2 === 0 } });
          let good = false;
          worker.on('message', (value) => {
            good = value;
          });
          worker.on('error', reject);
          worker.on('exit', () => resolve(good));
        }),
    );
    expect(await Promise.all(outcomes)).toEqual([true, true, true, true]);
    const { data } = await runOver(addon, [values(1000)], [double(0, 1000)], { threads: 2 });
    expect(data[0]![0]).toBe(values(1)[0]! * 2);
  });
});

describe('files', () => {
  it('are mapped; writing to the map leaves the file alone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nonet-map-'));
    try {
      const path = join(folder, 'data');
      writeFileSync(path, 'hello');
      const first = new Uint8Array(addon.mapFile(path));
      expect(Buffer.from(first).toString()).toBe('hello');
      first[0] = 0;
      expect(Buffer.from(addon.mapFile(path)).toString()).toBe('hello');
      writeFileSync(path, '');
      expect(addon.mapFile(path).byteLength).toBe(0);
      expect(() => addon.mapFile(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'E_FILE' }));
      expect(() => addon.mapFile(folder)).toThrow(expect.objectContaining({ code: 'E_FILE' }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the machine', () => {
  it('is described, and its speed measured', async () => {
    const { isa, available, threads } = addon.describe();
    expect(available).toContain(isa);
    expect(available).toContain('baseline');
    expect(threads).toBeGreaterThanOrEqual(1);
    for (const kind of ['fma', 'copy', 'read'] as const) {
      expect(await addon.probe(kind, 0.01, 1, 1 << 20)).toBeGreaterThan(0.1);
    }
    await expect(addon.probe('none' as 'fma', 0.01, 1)).rejects.toMatchObject({ code: 'E_PROGRAM' });
  });
});
