import { compile } from '../../dist/compile/compile.js';
import { add, gelu, matmul } from '../../dist/tensor/index.js';
import { noise, stateRunner } from '../arrays.mjs';

/** What a transformer does to the result of a product at once; a function of the product and of what else there is. */
const epilogues = {
  bare: (c) => ({ c }),
  bias: (c, { bias }) => ({ c: add(c, bias) }),
  'bias, GELU': (c, { bias }) => ({ c: gelu(add(c, bias)) }),
  'bias, residual': (c, { bias, residual }) => ({ c: add(residual, add(c, bias)) }),
  'bias, GELU, pre-activation saved': (c, { bias }) => {
    const before = add(c, bias);
    return { c: gelu(before), before };
  },
};

const shapes = [
  [4096, 256, 1024],
  [4096, 1024, 256],
  [4096, 128, 512],
];

/** How fast a product is with an epilogue, as a share of the bare one's speed: all forms of a shape in one race. */
export const measureEpilogues = async (bench, report) => {
  for (const [m, k, n] of bench.quick ? [[64, 32, 48]] : shapes) {
    const runners = Object.entries(epilogues).map(([name, epilogue]) => ({
      ...stateRunner(bench.executor, program(epilogue), {
        ...{ a: noise([m, k]), b: noise([k, n]), bias: noise([n]), residual: noise([m, n]) },
        ...{ c: { shape: [m, n], dtype: 'f32' }, before: { shape: [m, n], dtype: 'f32' } },
      }),
      name,
    }));
    const results = await bench.race(runners);
    for (const { free } of runners) free();
    const bare = results.get('bare').seconds;
    for (const [name, { seconds, kept, taken, gated }] of results) {
      if (name === 'bare') continue;
      report.add({
        of: `${m}x${k}x${n}, ${name}`,
        metric: 'share of the bare product',
        unit: '1',
        nonet: bare / seconds,
        better: 'more',
        sampled: `${kept}/${taken}${gated ? '' : '*'}`,
      });
    }
  }
};

const program = (epilogue) =>
  compile(({ a, b, ...rest }) => ({ state: epilogue(matmul(a, b), rest) }), { donate: 'state' });
