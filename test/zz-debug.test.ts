import { it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { hostArray, scalar } from '../src/compile/host-array.js';
import { traceContext, type Tensor } from '../src/tensor/index.js';
import { randomGraph } from './engine-graphs.js';
import { native, reference } from './engine-support.js';
it('debug', async () => {
  const seed = Number(process.env.SEED), sharp = process.env.SHARP === '1';
  const steps = 5 + (seed % 25);
  const graph = randomGraph(seed, steps, sharp);
  const count = graph.inputs.length;
  const condition = hostArray(Uint8Array.of(seed % 2), [], 'bool');
  const inputs = [...graph.inputs, condition, scalar(seed % 1000, 'i32'), scalar(7, 'i32')];
  let names: string[] = [];
  const all = process.env.ALL !== '0';
  const f = (...ins: Tensor[]) => {
    const out = graph.trace(ins.slice(0, count), ins[count]!, { seed: ins[count + 1]!, step: ins[count + 2]! });
    const nodes = traceContext().graph.nodes.filter((n) => n.block === 0 && n.op.kind !== 'input');
    names = [];
    const res = all ? nodes.flatMap((n) => n.outputs.map((o) => (names.push(`${n.id} ${n.op.name} ${o.dtype}[${o.shape}] (${n.inputs.map((i) => `${i.node.id}${i.node.op.name}[${i.shape}]`)}) ${JSON.stringify(n.attributes).slice(0, 90)} b${n.block}`), o))) : out;
    return res;
  };
  const a = await compile(f as never, { executor: native, optimize: process.env.MODE === 'opt' ? true : false })(...inputs);
  const b = process.env.MODE === 'opt' ? await compile(f as never, { executor: native, optimize: false })(...inputs) : await compile(f as never, { executor: reference })(...inputs);
  a.forEach((x: any, i: number) => {
    const y = b[i];
    let worst = 0, at = -1;
    x.data.forEach((v: number, k: number) => { const d = Math.abs(v - y.data[k]); if (d > worst) { worst = d; at = k; } });
    const lim = process.env.MODE === 'opt' ? 0 : 2e-5;
    if (worst > lim || process.env.LIST) console.log(worst > lim ? 'BAD' : '   ', names[i] ?? i, worst, at, x.data[at], y.data[at]);
  });
  if (process.env.PLAN) { const p = compile(f as never, { executor: native }).plan(...inputs as never); for (const [i, c] of p.calls.entries()) console.log(i, c.kernel, c.ops.join(' ')); }
});
