import { it } from 'vitest';
import { engine, bytes } from './test-support.js';
import { BitTransformer } from '../models/index.js';
import { parameterTypes } from '../nn/index.js';
import { State } from '../compile/state.js';
import { createGenerator } from './generate.js';
it('x', async () => {
 for (const o of [{preset:'nano'},{preset:'base'},{preset:'base',bitsPerPatch:4, contextLength:1024},{preset:'classic'}] as const) {
  const model = new BitTransformer(o as never);
  const state = State.create(engine, { parameters: parameterTypes(model) });
  const g = createGenerator(model);
  for (const [batch, n] of [[1, 16],[1, 48],[8,48]] as const) {
    const t0 = performance.now();
    const r = await g.generate(state, { prompts: Array.from({length:batch},()=>bytes('hello there')), maxBytes: n });
    console.log(JSON.stringify(o), batch, n, r.bytesPerSecond.toFixed(1), 'B/s incl. compile', ((performance.now()-t0)/1000).toFixed(2), 's', r.slid);
  }
 }
}, 300000);
