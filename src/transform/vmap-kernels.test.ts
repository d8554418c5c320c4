import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.js';
import { defaultExecutor } from '../compile/default-executor.js';
import { type HostArray, hostArray } from '../compile/host-array.js';
import {
  add,
  attention,
  expandDims,
  gelu,
  matmul,
  mul,
  reshape,
  rotary,
  softmax,
  split,
  stack,
  sum,
  type Tensor,
  transpose,
} from '../tensor/index.js';
import { valueAndGrad } from './grad.js';
import { vmap } from './vmap.js';

const native = defaultExecutor();

const waves = (seed: number, ...shape: number[]): HostArray => {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostArray(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.37 + seed) / 4),
    shape,
  );
};

// biome-ignore lint/suspicious/noExplicitAny: trees of tensors for trees of arrays
type Program = (...args: any[]) => Tensor;

/** Kernels with the shapes they compute, of the value alone and with the gradient of every argument. */
const kernels = (f: Program, args: readonly object[]) => {
  const both = (...all: unknown[]) => [
    f(...all),
    valueAndGrad((tree: Tensor[]) => {
      const y = f(...tree);
      return sum(mul(y, y));
    })(all as Tensor[]),
  ];
  return [(...all: unknown[]) => [f(...all)], both].map((program) =>
    compile(program, { executor: native })
      .plan(...(args as HostArray[]))
      .calls.map(({ kernel, shape, attached }) => `${kernel} [${shape}]${attached ? '+' : ''}`),
  );
};

const [batch, length, heads, headDim, experts, hidden] = [2, 40, 4, 8, 3, 48];
const width = heads * headDim;

interface Case {
  readonly name: string;
  readonly mapped: Program;
  readonly batched: Program;
  readonly args: readonly object[];
}

/** One head: [batch, length, headDim] each. */
const head = (q: Tensor, k: Tensor, v: Tensor): Tensor => {
  const [one, two, three] = [q, k, v].map((x) => expandDims(x, 2)) as [Tensor, Tensor, Tensor];
  return reshape(attention({ q: one, k: two, v: three }, { causal: true }), q.shape);
};

/** One head from primitives: [length, headDim] each. */
const plainHead = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
  matmul(softmax(mul(matmul(q, k, { transposeB: true }), 0.3)), v);

type Expert = { readonly up: Tensor; readonly bias: Tensor; readonly down: Tensor };

const expert = (x: Tensor, { up, bias, down }: Expert): Tensor => matmul(gelu(add(matmul(x, up), bias)), down);

const qkv = [
  waves(1, batch, length, heads, headDim),
  waves(2, batch, length, heads, headDim),
  waves(3, batch, length, heads, headDim),
];
const weights = {
  up: waves(2, experts, width, hidden),
  bias: waves(3, experts, hidden),
  down: waves(4, experts, hidden, width),
};

const cases: Case[] = [
  {
    name: 'attention, per head',
    mapped: vmap(head, { inAxes: 2, outAxes: 2 }) as Program,
    batched: (q, k, v) => attention({ q, k, v }, { causal: true }),
    args: qkv,
  },
  {
    name: 'attention of several heads, over groups behind them',
    mapped: vmap((q: Tensor, k: Tensor, v: Tensor) => attention({ q, k, v }), { inAxes: 3, outAxes: 3 }) as Program,
    batched: (...all) => {
      const [q, k, v] = all.map((x) => reshape(x, [batch, length, 2 * heads, headDim])) as [Tensor, Tensor, Tensor];
      return reshape(attention({ q, k, v }), [batch, length, heads, 2, headDim]);
    },
    args: [1, 2, 3].map((seed) => waves(seed, batch, length, heads, 2, headDim)),
  },
  {
    name: 'rotary embedding of each sequence, with tables that all share',
    mapped: (x, cos, sin) =>
      vmap((one: Tensor) => reshape(rotary(expandDims(one, 0), cos, sin), [length, heads, headDim]))(x),
    batched: (x, cos, sin) => rotary(x, cos, sin),
    args: [waves(1, batch, length, heads, headDim), waves(2, 1, length, headDim / 2), waves(3, 1, length, headDim / 2)],
  },
  {
    name: 'attention from primitives, per head of each sequence',
    mapped: vmap(vmap(plainHead, { inAxes: 0 })) as Program,
    batched: (q, k, v) => matmul(softmax(mul(matmul(q, k, { transposeB: true }), 0.3)), v),
    args: [1, 2, 3].map((seed) => waves(seed, batch, heads, length, headDim)),
  },
  {
    name: 'attention with the projections of each head',
    mapped: (x, w, out) => {
      const one = (wq: Tensor, wk: Tensor, wv: Tensor): Tensor => head(matmul(x, wq), matmul(x, wk), matmul(x, wv));
      const [q, k, v] = split(w, 3, 0).map((part) => reshape(part, [width, heads, headDim])) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const all = vmap(one, { inAxes: 1, outAxes: 2 })(q, k, v);
      return matmul(reshape(all, [batch, length, width]), out);
    },
    batched: (x, w, out) => {
      const heads4 = (part: Tensor): Tensor =>
        reshape(matmul(x, reshape(part, [width, width])), [batch, length, heads, headDim]);
      const [q, k, v] = split(w, 3, 0).map(heads4) as [Tensor, Tensor, Tensor];
      return matmul(reshape(attention({ q, k, v }, { causal: true }), [batch, length, width]), out);
    },
    args: [waves(1, batch, length, width), waves(2, 3, width, width), waves(3, width, width)],
  },
  {
    name: 'feed-forward, per expert with tokens of its own',
    mapped: vmap(expert) as Program,
    batched: (x, { up, bias, down }) => matmul(gelu(add(matmul(x, up), reshape(bias, [experts, 1, hidden]))), down),
    args: [waves(1, experts, length, width), weights],
  },
  {
    name: 'feed-forward, every expert on all tokens',
    mapped: vmap(expert, { inAxes: [null, 0] }) as Program,
    batched: (x, { up, bias, down }) => {
      const all = vmap((_: Tensor) => x)(bias);
      return matmul(gelu(add(matmul(all, up), reshape(bias, [experts, 1, hidden]))), down);
    },
    args: [waves(1, length, width), weights],
  },
  {
    name: 'feed-forward of one example, with weights that all share',
    mapped: vmap(expert, { inAxes: [0, null] }) as Program,
    batched: (x, { up, bias, down }) => matmul(gelu(add(matmul(x, up), bias)), down),
    args: [
      waves(1, batch, length, width),
      { up: waves(2, width, hidden), bias: waves(3, hidden), down: waves(4, hidden, width) },
    ],
  },
  {
    name: 'the same over the second axis',
    mapped: vmap(expert, { inAxes: [1, null], outAxes: 1 }) as Program,
    batched: (x, { up, bias, down }) => matmul(gelu(add(matmul(x, up), bias)), down),
    args: [
      waves(1, length, batch, width),
      { up: waves(2, width, hidden), bias: waves(3, hidden), down: waves(4, hidden, width) },
    ],
  },
  {
    name: 'a function of vectors, over both axes of rows',
    mapped: vmap(vmap((x: Tensor) => softmax(mul(x, 2)))) as Program,
    batched: (x) => softmax(mul(x, 2)),
    args: [waves(1, batch, length, width)],
  },
  {
    name: 'a function over the second axis that moves its own',
    mapped: vmap((x: Tensor) => mul(transpose(x), 2), { inAxes: 1, outAxes: 1 }) as Program,
    batched: (x) => mul(transpose(x, [2, 1, 0]), 2),
    args: [waves(1, length, batch, width)],
  },
  {
    name: 'feed-forward of experts whose weights lie apart: none of them moves',
    mapped: (x, ups, biases, downs) =>
      vmap(expert, { inAxes: [null, 0] })(x, { up: stack(ups), bias: stack(biases), down: stack(downs) }),
    batched: (x, ups, biases, downs) => {
      const bias = reshape(stack(biases), [experts, 1, hidden]);
      const inner = gelu(add(stack(ups.map((w: Tensor) => matmul(x, w))), bias));
      return stack(split(inner, experts, 0).map((own, i) => matmul(reshape(own, [length, hidden]), downs[i])));
    },
    args: [
      waves(1, length, width),
      [2, 3, 4].map((seed) => waves(seed, width, hidden)),
      [5, 6, 7].map((seed) => waves(seed, hidden)),
      [8, 9, 10].map((seed) => waves(seed, hidden, width)),
    ],
  },
];

describe.skipIf(native.name !== 'native')('vmap compiles to the kernels of the batched form', () => {
  it.each(cases)('$name', async ({ mapped, batched, args }) => {
    const [value, withGradient] = kernels(mapped, args);
    const [expected, expectedWithGradient] = kernels(batched, args);
    expect(expected!.length).toBeGreaterThan(0);
    expect(value).toEqual(expected);
    expect(withGradient).toEqual(expectedWithGradient);
    const [got, wanted] = [
      await compile(mapped, { executor: native })(...(args as HostArray[])),
      await compile(batched, { executor: native })(...(args as HostArray[])),
    ];
    expect(got.shape).toEqual(wanted.shape);
    expect([...got.data]).toEqual([...wanted.data]);
  });
});
