import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostArray } from '../src/compile/host-array.js';
import { type Attributes, allOps, apply, type DType, type OpDefinition, type Tensor } from '../src/tensor/index.js';
import {
  arrange,
  broadcastable,
  chance,
  type Draw,
  drawFrom,
  expectConforms,
  permutation,
  pick,
  shapeOf,
  size,
  trials,
  values,
} from './engine-support.js';

/** One operand of an example: what it is, and what numbers it may hold. */
interface Operand {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly range: readonly [number, number];
}

interface Example {
  readonly operands: readonly Operand[];
  readonly attributes?: Attributes;
}

type Examples = (draw: Draw) => Example;

const wide = [-3, 3] as const;
const positive = [0.1, 4] as const;

const f32 = (shape: readonly number[], range: readonly [number, number] = wide): Operand => ({
  shape,
  dtype: 'f32',
  range,
});
const i32 = (shape: readonly number[], bound: number, low = 0): Operand => ({
  shape,
  dtype: 'i32',
  range: [low, bound],
});
const bool = (shape: readonly number[]): Operand => ({ shape, dtype: 'bool', range: [0, 2] });

const ranges: Partial<Record<DType, readonly [number, number]>> = { i32: [-50, 50], u8: [0, 256], bool: [0, 2] };
const of = (dtype: DType, shape: readonly number[], range = ranges[dtype] ?? wide): Operand => ({
  shape,
  dtype,
  range,
});

/** Operands of one dtype that broadcast against each other; one of them has the whole shape. */
const together = (draw: Draw, count: number, make: (shape: number[]) => Operand): Operand[] => {
  const shape = anyShape(draw);
  const whole = draw(0, count - 1);
  return Array.from({ length: count }, (_, i) => make(i === whole ? shape : broadcastable(draw, shape)));
};

const anyShape = (draw: Draw): number[] => {
  const shape = shapeOf(draw, draw(0, 4));
  if (shape.length > 0 && chance(draw, 20)) shape[draw(0, shape.length - 1)] = 0;
  return shape;
};

const elementwise =
  (count: number, dtypes: readonly DType[], range?: readonly [number, number]): Examples =>
  (draw) => {
    const dtype = pick(draw, dtypes);
    return {
      operands: together(draw, count, (shape) =>
        of(dtype, shape, dtype === 'f32' || dtype === 'f64' ? range : undefined),
      ),
    };
  };

const real = ['f32', 'f64'] as const;
const arithmetic = ['f32', 'f64', 'i32'] as const;

const reduction =
  (leading: boolean): Examples =>
  (draw) => {
    const shape = shapeOf(draw, draw(1, 4));
    if (leading && chance(draw, 15)) shape[0] = 0;
    const count = draw(1, shape.length);
    const first = leading && chance(draw, 2) ? 0 : shape.length - count;
    const dtype = pick(draw, leading ? real : arithmetic);
    const axes = Array.from({ length: count }, (_, i) => first + i);
    return { operands: [of(dtype, shape)], attributes: { axes, keepDims: chance(draw, 2) } };
  };

const product: Examples = (draw) => {
  const [m, n, k] = [pick(draw, [1, 2, 7, 16, 33, 70]), size(draw), chance(draw, 15) ? 0 : size(draw)];
  const lead = shapeOf(draw, draw(0, 2), 8);
  const [transposeA, transposeB] = [chance(draw, 2), chance(draw, 2)];
  const a = [...lead, ...(transposeA ? [k, m] : [m, k])];
  const b = [...(chance(draw, 2) ? lead : []), ...(transposeB ? [n, k] : [k, n])];
  const dtype = chance(draw, 3) ? 'bf16' : 'f32';
  return { operands: [of(dtype, a), of(dtype, b)], attributes: { transposeA, transposeB } };
};

/** Few and many positions for the number of taps, one weight or one for each group of sequences. */
const convolution: Examples = (draw) => {
  const taps = pick(draw, [1, 2, 3, 7, 20]);
  const [groups, perGroup] = [chance(draw, 3) ? draw(2, 3) : 0, draw(1, 3)];
  const [length, width, outputs] = [chance(draw, 3) ? draw(60, 130) : size(draw), size(draw), size(draw)];
  const attributes = { before: draw(0, taps - 1), after: draw(0, taps - 1), transposed: chance(draw, 2) };
  const sides = attributes.transposed ? [outputs, width] : [width, outputs];
  const weight = [...(groups > 0 ? [groups] : []), taps, ...sides];
  return { operands: [f32([(groups || 1) * perGroup, length, width]), f32(weight)], attributes };
};

/** The same, backwards. */
const convolutionGradient: Examples = (draw) => {
  const taps = pick(draw, [1, 2, 3, 7, 20]);
  const [groups, perGroup] = [chance(draw, 3) ? draw(2, 3) : 0, draw(1, 3)];
  const [batch, length] = [(groups || 1) * perGroup, chance(draw, 3) ? draw(60, 130) : size(draw)];
  const [before, after] = [draw(0, taps - 1), draw(0, taps - 1)];
  const count = Math.max(0, length + before + after - taps + 1);
  const operands = [f32([batch, length, size(draw)]), f32([batch, count, size(draw)])];
  return { operands, attributes: { before, after, taps, groups } };
};

const attention =
  (gradient: boolean): Examples =>
  (draw) => {
    const long = chance(draw, 4); // over the borders of tiles and blocks
    const [batch, queries, keys] = long ? [1, draw(50, 150), draw(60, 200)] : [draw(1, 3), size(draw), size(draw)];
    const [heads, headDim] = [draw(1, 3), pick(draw, [1, 3, 4, 8, 16, 20])];
    const [q, k] = [
      [batch, queries, heads, headDim],
      [batch, keys, heads, headDim],
    ];
    const [keyLength, queryOffset] = [chance(draw, 3), chance(draw, 3)];
    const band = chance(draw, 2) ? { chunkSize: size(draw), overlap: draw(0, 20) } : { chunkSize: 0, overlap: 0 };
    const attributes = { causal: chance(draw, 2), scale: 1 / Math.sqrt(headDim), ...band, keyLength, queryOffset };
    const extents = [...(keyLength ? [i32([batch], keys + 1, 1)] : []), ...(queryOffset ? [i32([batch], keys)] : [])];
    // Log sums that are larger than any score keep the probabilities of the gradient below 1.
    const more = gradient ? [f32(q), f32([batch, heads, queries], [8, 9]), f32(q)] : [];
    return { operands: [f32(q), f32(k), f32(k), ...more, ...extents], attributes };
  };

const lookup = (draw: Draw): [lead: number[], columns: number, picks: number] => [
  shapeOf(draw, draw(0, 2), 60),
  size(draw),
  size(draw),
];

const examples: Readonly<Record<string, Examples>> = {
  constant: (draw) => ({
    operands: [],
    attributes: { shape: anyShape(draw), dtype: pick(draw, ['f32', 'f64', 'i32', 'bf16', 'u8', 'bool']), value: 1 },
  }),
  neg: elementwise(1, arithmetic),
  abs: elementwise(1, real),
  exp: elementwise(1, real),
  log: elementwise(1, real, positive),
  log1p: elementwise(1, real, [-0.9, 4]),
  sqrt: elementwise(1, real, positive),
  rsqrt: elementwise(1, real, positive),
  reciprocal: elementwise(1, real, positive),
  tanh: elementwise(1, real),
  sigmoid: elementwise(1, real),
  sin: elementwise(1, real),
  cos: elementwise(1, real),
  floor: elementwise(1, real),
  softplus: elementwise(1, real),
  gelu: elementwise(1, real),
  geluGradient: elementwise(2, real),
  isFinite: elementwise(1, real),
  logicalNot: elementwise(1, ['bool']),
  cast: (draw) => {
    const from = pick(draw, ['f32', 'f64', 'i32', 'bf16', 'u8', 'bool'] as const);
    const range =
      from === 'f32' || from === 'f64'
        ? pick(draw, [wide, [-400, 400] as const])
        : from === 'i32'
          ? ([-400, 400] as const)
          : undefined;
    const operand = of(from, anyShape(draw), from === 'bf16' ? [0x3f80, 0x4180] : range);
    // As the reference keeps all bits of an f64 in an f32, only floats that are exact there are cast down.
    return { operands: [operand], attributes: { dtype: pick(draw, ['f32', 'f64', 'i32', 'bf16', 'u8', 'bool']) } };
  },
  add: elementwise(2, arithmetic),
  sub: elementwise(2, arithmetic),
  mul: elementwise(2, arithmetic),
  div: elementwise(2, real, positive),
  maximum: elementwise(2, arithmetic),
  minimum: elementwise(2, arithmetic),
  pow: elementwise(2, real, positive),
  multiplyAdd: elementwise(3, real),
  less: elementwise(2, [...arithmetic, 'u8']),
  lessEqual: elementwise(2, [...arithmetic, 'u8']),
  equal: elementwise(2, ['i32', 'u8', 'bool']),
  select: (draw) => {
    const dtype = pick(draw, ['f32', 'f64', 'i32', 'u8', 'bool', 'bf16'] as const);
    let i = 0;
    return {
      operands: together(draw, 3, (shape) =>
        i++ === 0 ? bool(shape) : of(dtype, shape, dtype === 'bf16' ? [0x3f80, 0x4180] : undefined),
      ),
    };
  },
  bitAnd: elementwise(2, ['i32', 'bool']),
  bitOr: elementwise(2, ['i32', 'bool']),
  bitXor: elementwise(2, ['i32', 'bool']),
  shiftLeft: elementwise(2, ['i32']),
  shiftRight: elementwise(2, ['i32']),
  randomUniform: (draw) => ({ operands: [i32([], 99), i32([], 99)], attributes: { shape: anyShape(draw), stream: 3 } }),
  randomNormal: (draw) => ({ operands: [i32([], 99), i32([], 99)], attributes: { shape: anyShape(draw), stream: 3 } }),
  sum: (draw) => reduction(chance(draw, 2))(draw),
  max: reduction(false),
  argmax: (draw) => ({ operands: [of(pick(draw, arithmetic), shapeOf(draw, draw(1, 3)))] }),
  alias: elementwise(1, ['f32', 'u8']),
  stopGradient: elementwise(1, ['f32', 'bf16']),
  reshape: (draw) => {
    const shape = anyShape(draw);
    return { operands: [of(pick(draw, ['f32', 'bf16', 'bool']), shape)], attributes: { shape: [...shape].reverse() } };
  },
  split: (draw) => {
    const shape = shapeOf(draw, draw(1, 3));
    const axis = draw(0, shape.length - 1);
    const first = draw(0, shape[axis]!);
    return { operands: [f32(shape)], attributes: { axis, sizes: [first, 0, shape[axis]! - first] } };
  },
  slice: (draw) => {
    const shape = shapeOf(draw, draw(1, 3));
    const axis = draw(0, shape.length - 1);
    const start = draw(0, shape[axis]!);
    return { operands: [f32(shape)], attributes: { axis, start, end: draw(start, shape[axis]!) } };
  },
  broadcastTo: (draw) => {
    const shape = anyShape(draw);
    return { operands: [of(pick(draw, ['f32', 'i32', 'u8']), broadcastable(draw, shape))], attributes: { shape } };
  },
  transpose: (draw) => {
    const shape = anyShape(draw);
    const attributes = { permutation: permutation(draw, shape.length) };
    return { operands: [of(pick(draw, ['f32', 'f64', 'bf16', 'u8']), shape)], attributes };
  },
  concat: (draw) => {
    const shape = shapeOf(draw, draw(1, 3), 500);
    const axis = draw(0, shape.length - 1);
    const dtype = pick(draw, ['f32', 'f64', 'i32', 'bool'] as const);
    const parts = Array.from({ length: draw(1, 4) }, () =>
      of(
        dtype,
        shape.map((n, i) => (i === axis ? draw(0, 9) : n)),
      ),
    );
    return { operands: parts, attributes: { axis } };
  },
  pad: (draw) => {
    const shape = shapeOf(draw, draw(1, 3));
    const dtype = pick(draw, ['f32', 'i32', 'bool'] as const);
    const attributes = { axis: draw(0, shape.length - 1), before: draw(0, 5), after: draw(0, 5) };
    return { operands: [of(dtype, shape)], attributes };
  },
  matmul: product,
  convolution,
  convolutionGradient,
  attention: attention(false),
  attentionGradient: attention(true),
  rotary: (draw) => {
    const [batch, length, heads, half] = [draw(1, 3), size(draw), draw(1, 3), draw(1, 9)];
    const table = f32([chance(draw, 2) ? 1 : batch, length, half]);
    return { operands: [f32([batch, length, heads, 2 * half]), table, table] };
  },
  sortByGroup: (draw) => {
    const groups = size(draw);
    return { operands: [i32([chance(draw, 9) ? 0 : size(draw), draw(1, 3)], groups)], attributes: { groups } };
  },
  groupedMatmul: (draw) => {
    const [rows, k, n, groups] = [
      pick(draw, [1, 7, 33, 70]),
      chance(draw, 15) ? 0 : size(draw),
      size(draw),
      draw(1, 6),
    ];
    const transposeB = chance(draw, 2);
    const sizes = i32([groups], pick(draw, [1, 3, rows + 2]), -1);
    const weights = [groups, ...(transposeB ? [n, k] : [k, n])];
    return { operands: [f32([rows, k]), f32(weights), sizes], attributes: { transposeB } };
  },
  groupedOuter: (draw) => {
    const [rows, groups] = [pick(draw, [1, 7, 33, 70]), draw(1, 6)];
    const sizes = i32([groups], pick(draw, [1, 3, rows + 2]), -1);
    return { operands: [f32([rows, size(draw)]), f32([rows, size(draw)]), sizes] };
  },
  gather: (draw) => {
    const rows = size(draw);
    const dtype = pick(draw, ['f32', 'f64', 'u8'] as const);
    return { operands: [of(dtype, [rows, size(draw)]), i32(anyShape(draw), rows)] };
  },
  scatterAdd: (draw) => {
    const [index, rows] = [anyShape(draw), size(draw)];
    return { operands: [i32(index, rows), f32([...index, size(draw)])], attributes: { rows } };
  },
  takeAlong: (draw) => {
    const [lead, columns, picks] = lookup(draw);
    return { operands: [f32([...lead, columns]), i32([...lead, picks], columns)] };
  },
  putAlong: (draw) => {
    const [lead, columns, picks] = lookup(draw);
    return { operands: [i32([...lead, picks], columns), f32([...lead, picks])], attributes: { columns } };
  },
  updateRows: (draw) => {
    const [batch, length, width] = [draw(1, 3), size(draw), size(draw)];
    const dtype = pick(draw, ['f32', 'i32', 'bf16'] as const);
    const count = draw(1, 4);
    return {
      operands: [of(dtype, [batch, length, width]), of(dtype, [batch, count, width]), i32([batch], length + 2, -2)],
    };
  },
  decodeRunLength: (draw) => {
    const [patches, bitsPerPatch, room] = [draw(0, 40), draw(1, 12), draw(1, 9)];
    // Ones are runs of one bit wherever a row begins; its own test draws other codes.
    const code = of('u8', [2 * patches * bitsPerPatch + room], [1, 2]);
    return { operands: [code, i32(shapeOf(draw, draw(0, 2)), room)], attributes: { patches, bitsPerPatch } };
  },
  orthonormal: (draw) => {
    const columns = draw(1, 6);
    // Tall, so that no column nearly depends on the others.
    return { operands: [f32([draw(1, 3), columns + draw(4, 9), columns], [-1, 1])] };
  },
  sample: (draw) => {
    const batch = draw(1, 5);
    // Settings that end a hair's breadth from a boundary could go either way: few choices, clear ones.
    return {
      operands: [
        f32([batch, size(draw)], [-6, 0]),
        f32([batch], [0, 1]),
        f32(
          [7],
          pick(draw, [
            [0, 0.001],
            [0.5, 0.9],
          ] as const),
        ),
      ],
    };
  },
};

/** Leaves of every program, and what is about how it runs: see the tests of control flow. */
const apart = ['input', 'guard', 'merge'];

const attempt = async (op: OpDefinition, draw: Draw): Promise<void> => {
  const { operands, attributes = {} } = examples[op.name]!(draw);
  const arrangements = operands.map(({ shape }) => arrange(draw, shape));
  const inputs: HostArray[] = operands.map(({ dtype, range }, i) => values(draw, arrangements[i]!.shape, dtype, range));
  const f = (...tensors: Tensor[]) =>
    apply(
      op,
      tensors.map((tensor, i) => arrangements[i]!.view(tensor)),
      attributes,
    );
  await expectConforms(f, inputs, op.name === 'attentionGradient' ? 5e-4 : 1e-4);
};

describe('every op', () => {
  it('has examples here', () => {
    const names = allOps.map(({ name }) => name).filter((name) => !apart.includes(name));
    expect(names.sort()).toEqual(Object.keys(examples).sort());
  });

  it.each(allOps.filter(({ name }) => !apart.includes(name)))(
    'computes natively what the reference computes: $name',
    async (op) => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), (generate) => attempt(op, drawFrom(generate))),
        trials(40),
      );
    },
  );
});
