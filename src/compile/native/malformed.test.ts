import { describe, expect, it } from 'vitest';
import {
  assemble,
  type Call,
  f32,
  float,
  full,
  i32,
  kernel,
  rowParams,
  type Segment,
  state,
  values,
} from '../../../native/test/assemble.js';
import { gemmParams } from '../../../native/test/gemm-call.js';
import { loadAddon, type NativeAddon } from './addon.js';

const addon = loadAddon().addon as NativeAddon;

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

describe('malformed programs', () => {
  const segments: Segment[] = [state(4096), [2, 64, 8], [4, 64, 0]];
  const good: Call[] = [
    double(0, 100),
    {
      kernel: kernel.gemm,
      operands: [
        [0, 0],
        [0, 256],
        [0, 512],
      ],
      params: [4, 4, 4, 4, 0, 4, 0, 0, 4, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    },
    { kernel: kernel.skipIf, operands: [[0, 0]], params: [i32, 4] },
    {
      kernel: kernel.copy,
      operands: [
        [0, 0],
        [0, 2048],
      ],
      params: [4, 2, 5, 6, 6, 1, 1, 5],
    },
  ];
  const refused = (calls: Call[], message: RegExp, parts: readonly Segment[] = segments) =>
    expect(() => addon.load(assemble(parts, calls))).toThrow(
      expect.objectContaining({ code: 'E_PROGRAM', message: expect.stringMatching(message) }),
    );

  it('are refused with what is wrong and where', () => {
    addon.load(assemble(segments, good));
    expect(() => addon.load(new Uint8Array(7))).toThrow(/whole number of words/);
    expect(() => addon.load(new Uint8Array(80))).toThrow(/magic/);
    refused([{ kernel: 99, operands: [], params: [] }], /Instruction 0 \(kernel 99\): no such kernel/);
    refused([good[0]!, { kernel: kernel.poison, operands: [[7, 0]], params: [1] }], /Instruction 1 .*segment 7/);
    refused([{ kernel: kernel.poison, operands: [[-1, 0]], params: [1] }], /missing/);
    refused([{ kernel: kernel.poison, operands: [[0, 0]], params: [-1] }], /bytes is -1/);
    refused([{ kernel: kernel.poison, operands: [[0, 0]], params: [1, 2] }], /takes 1 parameters, got 2/);
    refused([fill(0, 2, 0)], /not aligned/);
    refused([fill(1, 0, 0)], /read-only/);
    refused([fill(2, 0, 0)], /read-only/);
    refused([{ kernel: kernel.skipIf, operands: [[0, 0]], params: [i32, 0] }], /jumps to 0/);
    refused([{ kernel: kernel.skipIf, operands: [[0, 0]], params: [i32, 2] }], /jumps to 2/);
    refused([{ ...good[1]!, params: [...good[1]!.params.slice(0, -1), 1] }], /not a row program/);
    refused([], /kind 9/, [[9, 0, 0]]);
  });

  it('never crash the process, whatever bytes are flipped', async () => {
    const bytes = assemble(segments, good);
    const buffers = [4096, 64, 64].map((size) => addon.allocate(size));
    const random = values(9000, 77, 1);
    let loaded = 0;
    for (let round = 0; round < 3000; round++) {
      const broken = bytes.slice();
      for (let flips = 0; flips <= round % 3; flips++) {
        const at = Math.floor(((random[round * 3 + flips]! + 1) / 2) * broken.length);
        broken[at]! ^= 1 << ((round + flips) % 8);
      }
      const cut = round % 50 === 0 ? broken.subarray(0, broken.length - 8 * (1 + (round % 7))) : broken;
      try {
        const program = addon.load(cut);
        loaded++;
        await addon.run(program, buffers, 1, 2);
      } catch (error) {
        expect(['E_PROGRAM', 'E_MEMORY']).toContain((error as { code?: string }).code);
      }
    }
    expect(loaded).toBeGreaterThan(100);
    expect(loaded).toBeLessThan(2000);
  });
});

it('every kernel refuses operands that end behind their segment', () => {
  const calls: Call[] = [
    {
      kernel: kernel.gemm,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: gemmParams({ m: 9, n: 1, k: 1 }),
    },
    {
      kernel: kernel.packWeights,
      operands: [
        [0, 0],
        [0, 0],
      ],
      params: [3, 3, 3, 0, 1],
    },
    {
      kernel: kernel.rowProgram,
      operands: [
        [0, 0],
        [0, 0],
      ],
      params: rowParams({ rows: 1, cols: 9, slots: [full(f32, 0, 1, 9)], code: [] }),
    },
    {
      kernel: kernel.attentionForward,
      operands: Array(5).fill([0, 0]),
      params: [1, 1, 1, 1, 9, 0, float(1), ...Array(12).fill(1), 0, 0],
    },
    {
      kernel: kernel.attentionBackward,
      operands: Array(9).fill([0, 0]),
      params: [1, 1, 1, 1, 9, 0, float(1), ...Array(24).fill(1), 0, 0],
    },
    {
      kernel: kernel.gatherRows,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [1, 1, 9, 4, 1, 1],
    },
    {
      kernel: kernel.scatterAddRows,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [1, 1, 9, 1],
    },
    {
      kernel: kernel.takeAlong,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [1, 1, 9, 1],
    },
    {
      kernel: kernel.putAlong,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [1, 9, 1],
    },
    {
      kernel: kernel.copy,
      operands: [
        [0, 0],
        [0, 0],
      ],
      params: [4, 1, 9, 0, 1],
    },
    { kernel: kernel.fill, operands: [[0, 0]], params: [f32, 9, float(0)] },
    {
      kernel: kernel.updateRows,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [1, 1, 1, 9, 4, 1, 9],
    },
    {
      kernel: kernel.sample,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [1, 9, 9],
    },
    {
      kernel: kernel.decodeRunLength,
      operands: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      params: [3, 3, 1, 2],
    },
    {
      kernel: kernel.orthonormal,
      operands: [
        [0, 0],
        [0, 0],
      ],
      params: [1, 9, 1],
    },
    { kernel: kernel.skipIf, operands: [[0, 32]], params: [i32, 1] },
    { kernel: kernel.guard, operands: [[0, 32]], params: [i32, 1] },
    { kernel: kernel.checkFinite, operands: [[0, 0]], params: [f32, 9, 0] },
    { kernel: kernel.poison, operands: [[0, 0]], params: [33] },
  ];
  for (const call of calls) {
    expect(() => addon.load(assemble([state(32)], [call])), `kernel ${call.kernel}`).toThrow(/behind segment 0/);
  }
});
