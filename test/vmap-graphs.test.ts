import { describe, it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { HostArray, hostArray, newData, scalar } from '../src/compile/host-array.js';
import { stopGradient, type Tensor, transpose } from '../src/tensor/index.js';
import { vmap } from '../src/transform/index.js';
import { randomGraph } from './engine-graphs.js';
import { chance, type Draw, drawBy, expectClose, expectSameBits, native, reference } from './engine-support.js';

const size = 3;

/** Arrays along a new axis. */
const stacked = async (arrays: readonly HostArray[], axis: number): Promise<HostArray> => {
  const [first] = arrays as [HostArray];
  const count = first.data.length;
  const data = newData(first.dtype, count * arrays.length);
  arrays.forEach((one, i) => data.set(one.data, i * count));
  const order = first.shape.map((_, i) => i + 1);
  order.splice(axis, 0, 0);
  const front = new HostArray(data, [arrays.length, ...first.shape], first.dtype);
  return compile((x: Tensor) => stopGradient(transpose(x, order)), { executor: reference })(front);
};

/** `NONET_TEST_GRAPHS=20000:1500` looks at others than the usual ones: so many from that number on. */
const [first = 0, count = 60] = (process.env.NONET_TEST_GRAPHS ?? '').split(':').filter(Boolean).map(Number);
const seeds = Array.from({ length: count }, (_, i) => first + i);

type Operands = readonly (readonly HostArray[])[];
type Program = (...all: Tensor[]) => Tensor[];

/** Maps a function over operands, given one example after the other, and compares with a loop. */
const compareWithLoop = async (f: Program, operands: Operands, draw: Draw, mustMap: number, what: string) => {
  const inAxes = operands.map(([array], i) => (i !== mustMap && chance(draw, 3) ? null : draw(0, array!.shape.length)));
  const alone = compile(f, { executor: reference });
  const loop: HostArray[][] = [];
  for (let e = 0; e < size; e++) {
    loop.push(await alone(...operands.map((arrays, i) => arrays[inAxes[i] === null ? 0 : e]!)));
  }
  const outAxes = loop[0]!.map(({ shape }) => draw(0, shape.length));
  const expected = await Promise.all(
    outAxes.map((axis, i) =>
      stacked(
        loop.map((results) => results[i]!),
        axis,
      ),
    ),
  );
  const whole = await Promise.all(
    operands.map((arrays, i) => (inAxes[i] === null ? arrays[0]! : stacked(arrays, inAxes[i]!))),
  );
  const mapped = vmap(f, { inAxes, outAxes });
  const run = (options: Parameters<typeof compile>[1]): Promise<HostArray[]> => compile(mapped, options)(...whole);
  expectClose(await run({ executor: reference }), expected, 1e-5);
  const plain = await run({ executor: native });
  expectClose(plain, expected, 2e-4);
  expectSameBits(plain, await run({ executor: native, optimize: false }), what);
  return { mapped, whole };
};

describe('vmap of random graphs', () => {
  it.each(seeds)(
    'number %i gives what a loop gives, nested too, and the same bits with passes on and off',
    async (seed) => {
      const draw = drawBy(seed + 77);
      const graph = randomGraph(seed, 5 + (seed % 25), false);
      const inputs = graph.inputs.length;
      const f: Program = (...all) =>
        graph.trace(all.slice(0, inputs), all[inputs]!, { seed: all[inputs + 1]!, step: all[inputs + 2]! });
      const operands = [
        ...graph.inputs.map((array) => Array.from({ length: size }, (_, i) => changed(array, i))),
        [0, 1, 2].map((i) => hostArray(Uint8Array.of((seed + i) % 2), [], 'bool')),
        [4, 8, 5].map((own) => scalar(own, 'i32')),
        [7, 7, 7].map((step) => scalar(step, 'i32')),
      ];
      // Where its seed is mapped, each example draws what it would alone.
      const { mapped, whole } = await compareWithLoop(f, operands, draw, inputs + 1, `graph ${seed}`);
      if (seed % 3 > 0) return;
      const again = whole.map((array) => Array.from({ length: size }, (_, i) => changed(array, i)));
      await compareWithLoop(mapped, again, draw, inputs + 1, `graph ${seed}, nested`);
    },
  );
});

/** Other numbers for each example; integers and bools as they are. */
const changed = (array: HostArray, example: number): HostArray => {
  if (array.dtype !== 'f32') return array;
  const data = array.data.slice();
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(data[i]! * (1 + example) + example) * 2;
  return new HostArray(data, array.shape, array.dtype);
};
