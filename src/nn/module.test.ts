import { describe, expect, it } from 'vitest';
import { NonetError } from '../core/errors.js';
import { mul, type Tensor, type Tree } from '../tensor/index.js';
import { Linear } from './linear.js';
import { bind, initialParameters, parameterCount, parametersOf, parameterTypes } from './module.js';
import { Parameter } from './parameter.js';
import { f32, i32, randomParameters, run } from './test-support.js';

class Stack {
  readonly layers = [new Linear({ inputs: 2, outputs: 3 }), new Linear({ inputs: 3, outputs: 2, bias: false })];
  readonly scale = new Parameter([], { initializer: { kind: 'constant', value: 2.5 }, learningRateScale: 0.1 });
  readonly settings = { name: 'stack', sizes: [1, 2] };
}

const paths = (module: object): string[] => parametersOf(module).map(({ path }) => path);
const codeOf = (body: () => unknown): unknown => {
  try {
    body();
    return undefined;
  } catch (error) {
    return error instanceof NonetError ? error.code : error;
  }
};

describe('parameters of a module', () => {
  it('are named by the path of fields, lists by index', () => {
    expect(paths(new Stack())).toEqual(['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'scale']);
  });

  it('are listed once where fields share one', () => {
    const shared = new Parameter([2]);
    expect(paths({ a: shared, b: { c: shared } })).toEqual(['a']);
  });

  it('have a tree of types, and are counted without values', () => {
    expect(parameterTypes(new Stack())).toEqual({
      layers: {
        0: { weight: { shape: [2, 3], dtype: 'f32' }, bias: { shape: [3], dtype: 'f32' } },
        1: { weight: { shape: [3, 2], dtype: 'f32' } },
      },
      scale: { shape: [], dtype: 'f32' },
    });
    expect(parameterCount(new Stack())).toBe(6 + 3 + 6 + 1);
    expect(parameterCount({ huge: new Parameter([2 ** 24, 2 ** 20]) })).toBe(2 ** 44);
  });

  it('decay when they are matrices, unless told', () => {
    expect(new Parameter([2, 2]).weightDecay).toBe(true);
    expect(new Parameter([2]).weightDecay).toBe(false);
    expect(new Parameter([2], { weightDecay: true }).weightDecay).toBe(true);
  });
});

describe('bind', () => {
  it('gives every parameter the tensor of its path', async () => {
    const module = { a: new Parameter([2]), b: { c: new Parameter([2]) } };
    const tree = { a: f32([1, 2]), b: { c: f32([10, 100]) } };
    const product = await run((p) => bind(module, p, () => mul(module.a.value, module.b.c.value)), tree);
    expect([...product.data]).toEqual([10, 200]);
  });

  it('ends with its body: inner values hide outer ones, and after it there are none', async () => {
    const module = { a: new Parameter([1]) };
    const seen = await run(
      (outer, inner) =>
        bind(module, { a: outer }, () => ({
          inner: bind(module, { a: inner }, () => module.a.value),
          outer: module.a.value,
        })),
      f32([1]),
      f32([2]),
    );
    expect([seen.inner.item(), seen.outer.item()]).toEqual([2, 1]);
    expect(codeOf(() => module.a.value)).toBe('E_TRACE');
  });

  it('unbinds when its body throws', async () => {
    const module = { a: new Parameter([1]) };
    const broken = run((a) => bind(module, { a }, () => mul(module.a.value, a.missing.field)), f32([1]));
    await expect(broken).rejects.toThrow();
    expect(codeOf(() => module.a.value)).toBe('E_TRACE');
  });

  it('names the parameter that is missing or of another shape', async () => {
    const module = { layer: { weight: new Parameter([2]) } };
    const read = (tree: Tree<Tensor>): Tensor => bind(module, tree, () => module.layer.weight.value);
    await expect(run(read, { layer: { bias: f32([1, 2]) } })).rejects.toMatchObject({
      code: 'E_TRACE',
      message: expect.stringContaining('layer.weight'),
    });
    await expect(run(read, { layer: { weight: f32([1, 2, 3]) } })).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: expect.stringContaining('layer.weight'),
    });
  });
});

describe('initialParameters', () => {
  const draw = (module: object, seed: number) =>
    run((source) => initialParameters(module, source), { seed: i32([seed], []), step: i32([0], []) });

  it('follow the initialisers', async () => {
    const values = await draw(new Stack(), 1);
    expect(values.scale.item()).toBe(2.5);
    expect([...values.layers[0].bias.data]).toEqual([0, 0, 0]);
  });

  it.each([[[2, 3, 4] as const], [[5, 7] as const]])(
    'are orthogonal in the shape %j where asked for',
    async (shape) => {
      const { a } = await draw({ a: new Parameter(shape, { initializer: { kind: 'orthogonal' } }) }, 1);
      const columns = shape.at(-1)!;
      const rows = a.data.length / columns;
      const isTall = rows >= columns;
      const at = (vector: number, i: number): number => a.data[isTall ? i * columns + vector : vector * columns + i];
      const [count, length] = isTall ? [columns, rows] : [rows, columns];
      for (let x = 0; x < count; x++) {
        for (let y = 0; y < count; y++) {
          const dot = Array.from({ length }, (_, i) => at(x, i) * at(y, i)).reduce((sum, one) => sum + one, 0);
          expect(dot).toBeCloseTo(x === y ? 1 : 0, 5);
        }
      }
    },
  );

  it('have the deviation asked for, and differ between parameters and seeds', async () => {
    const wide = (): Parameter => new Parameter([4096], { initializer: { kind: 'normal', deviation: 0.02 } });
    const module = { a: wide(), b: wide() };
    const first = await draw(module, 1);
    const deviation = Math.sqrt(first.a.data.reduce((sum: number, x: number) => sum + x * x, 0) / 4096);
    expect(deviation).toBeCloseTo(0.02, 3);
    expect(first.a.data).not.toEqual(first.b.data);
    expect((await draw(module, 1)).a.data).toEqual(first.a.data);
    expect((await draw(module, 2)).a.data).not.toEqual(first.a.data);
  });
});

describe('a module', () => {
  it('serves several programs at once, as it holds no value', async () => {
    const linear = new Linear({ inputs: 2, outputs: 1 });
    const outputs = [1, 2].map((seed) =>
      run((p, x) => bind(linear, p, () => linear.forward(x)), randomParameters(linear, seed), f32([1, 1], [1, 2])),
    );
    const [first, second] = await Promise.all(outputs);
    expect(first.item()).not.toBe(second.item());
  });
});
