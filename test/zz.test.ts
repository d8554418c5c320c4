import { it } from 'vitest';
import { compile } from '../src/compile/compile.js';
import { hostArray } from '../src/compile/host-array.js';
import { State } from '../src/compile/state.js';
import { traceContext, type RandomSource, type Tensor } from '../src/tensor/index.js';
import { randomGraph } from './engine-graphs.js';
import { native, reference } from './engine-support.js';
it('x', async () => {
  const seed = Number(process.env.SEED);
  const graph = randomGraph(seed, 5 + (seed % 25), false);
  const go = async (options: any, log = false) => {
    const step = compile((state: Record<string, Tensor>, skip: Tensor, random: RandomSource) => {
      const { next, results } = graph.step(Object.values(state), skip, random);
      if (log) { for (const n of traceContext().graph.nodes) console.log(`${n.id} ${n.op.name} ${n.outputs.map((o) => `${o.dtype}[${o.shape}]`)} (${n.inputs.map((i) => `${i.node.id}.${i.index}`)}) ${JSON.stringify(n.attributes).slice(0, 90)} b${n.block}`); console.log('next', next.map((t) => `${t.node.id}.${t.index}`).join(' '), 'out', results.map((t) => `${t.node.id}.${t.index}`).join(' ')); }
      return { state: Object.fromEntries(next.map((t, i) => [`leaf${i}`, t])), results };
    }, { ...options, donate: 'state' });
    const leaves = Object.fromEntries(graph.inputs.map((a, i) => [`leaf${i}`, a]));
    const twice = (a: number, b: number) => hostArray(Int32Array.of(a, b));
    const st = State.create(options.executor, leaves);
    if (process.env.PLAN && log) compile;
    const r = await step.repeat(2, st, hostArray(Uint8Array.of(seed % 2, (seed >> 1) % 2), [2], 'bool'), { seed: twice(seed, seed), step: twice(1, 2) });
    return [...r.results, ...Object.keys(leaves).map((k) => r.state.read(k))];
  };
  const ref = await go({ executor: reference }, true);
  for (const [name, o] of Object.entries({ plain: { executor: native }, off: { executor: native, optimize: false }, noreuse: { executor: native, reuse: false } })) {
    const a = await go(o);
    a.forEach((x: any, i: number) => { let w = 0, at = 0; x.data.forEach((v: number, k: number) => { const d = Math.abs(v - ref[i].data[k]); if (d > w) { w = d; at = k; } }); console.log(name, i, `[${x.shape}]`, w, at); });
  }
});
