import { describe, expect, it } from 'vitest';
import type { Result } from '../../compile/compile.js';
import { HostArray } from '../../compile/host-array.js';
import { bind, parametersOf, slicedCrossEntropy } from '../../nn/index.js';
import { randomArray, randomIntegers, randomParameters, run } from '../../nn/test-support.js';
import {
  cast,
  concat,
  mul,
  reshape,
  slice,
  stack,
  sum,
  type Tensor,
  type Tree,
  treeLeaves,
  treeMap,
} from '../../tensor/index.js';
import { isTensor, vmap, withSquaredGradients } from '../../transform/index.js';

import { Whole } from './along.js';
import { type OlmaxConfig, resolveOlmax } from './config.js';
import { axisName, onDevices } from './devices.js';
import { Olmax } from './model.js';
import { BottleneckBody, sharedMiddle } from './steps.js';
import { tiny } from './test-support.js';

/** All numbers of a result in float64, by path. */
const numbersOf = (result: Result): Map<string, readonly number[]> =>
  new Map(
    treeLeaves<HostArray>(result, (value): value is HostArray => value instanceof HostArray).map(({ path, value }) => [
      path,
      Array.from(value.data, Number),
    ]),
  );

const close = (got: Result, want: Result): void => {
  const [a, b] = [numbersOf(got), numbersOf(want)];
  expect([...a.keys()]).toEqual([...b.keys()]);
  for (const [path, numbers] of a) {
    const wanted = b.get(path)!;
    const size = Math.max(...wanted.map(Math.abs), 1e-12);
    expect(numbers.length, path).toBe(wanted.length);
    expect(Math.max(...numbers.map((x, i) => Math.abs(x - wanted[i]!))) / size, path).toBeLessThan(1e-10);
  }
};

const wide = (tree: Tree<Tensor>): Tree<Tensor> => treeMap<Tensor, Tensor>(tree, isTensor, (leaf) => cast(leaf, 'f64'));

const configOf = (devices: number, options: Partial<OlmaxConfig> = {}): OlmaxConfig =>
  resolveOlmax({ ...tiny, ...options, devices: devices as 1 });

/** Positions `from`, `from + step` and so on of [B, S, width], one by one. */
const everyPosition = (x: Tensor, from: number, step: number): Tensor =>
  concat(
    Array.from({ length: x.shape[1]! / step }, (_, s) =>
      slice(x, { axis: 1, start: from + s * step, end: from + s * step + 1 }),
    ),
    1,
  );

/** The bottleneck over lists of what devices have, position by position: the formula of docs/olmax.md as it stands. */
const bottleneck = ({ first, norm, middle, middleNorm, last }: BottleneckBody, xs: readonly Tensor[]): Tensor[] => {
  const devices = xs.length;
  const narrow = xs.map((x, i) => first[i]!.forward(x));
  const mixed = xs.map((_, j) => {
    const own = concat(
      narrow.map((x) => everyPosition(x, j, devices)),
      2,
    );
    return middleNorm[j]!.forward(middle[j]!.forward(norm[j]!.forward(own)));
  });
  return xs.map((x, i) => {
    const [inner, length] = [narrow[0]!.shape[2]!, x.shape[1]!];
    const columns = mixed.map((y) => slice(y, { axis: 2, start: i * inner, end: (i + 1) * inner }));
    const positions = Array.from({ length }, (_, p) => {
      const at = Math.floor(p / devices);
      return slice(columns[p % devices]!, { axis: 1, start: at, end: at + 1 });
    });
    return last[i]!.forward(concat(positions, 1));
  });
};

describe.each([1, 2, 4, 8])('on %i devices', (devices) => {
  it('the bottleneck of one device equals lists of devices, with gradients and their squares', async () => {
    const config = configOf(devices);
    const body = new BottleneckBody(config, sharedMiddle(config));
    const [batch, length, features] = [2, 16, config.features];
    const weigh = randomArray([devices, batch, length, features], 4);
    const told = (all: (x: Tensor) => Tensor) =>
      run(
        (p: Tree<Tensor>, x: Tensor, weight: Tensor) =>
          wide(
            withSquaredGradients((q: { p: Tree<Tensor>; x: Tensor }) =>
              bind(body, q.p, () => sum(mul(all(q.x), weight))),
            )({ p, x }) as unknown as Tree<Tensor>,
          ),
        randomParameters(body, 3),
        randomArray([devices, batch, length, features], 5),
        weigh,
      );
    const one = onDevices(body, (x: Tensor) => body.forward(x, new Whole()), { inAxes: [0], outAxes: 0 });
    const lists = (x: Tensor): Tensor =>
      stack(
        bottleneck(
          body,
          Array.from({ length: devices }, (_, i) =>
            reshape(slice(x, { axis: 0, start: i, end: i + 1 }), [batch, length, features]),
          ),
        ),
      );
    close(await told(one), await told(lists));
  });

  it('logits that add up make the loss of one product, with gradients and their squares', async () => {
    const [batch, length, features, classes] = [3, 5, 4, 256];
    const targets = randomIntegers([batch, length], 6, classes);
    const options = { zLoss: 0.01, slices: 2 };
    const told = (losses: (q: { x: Tensor; w: Tensor }, t: Tensor) => { loss: Tensor; accuracy: Tensor }) =>
      run(
        (x: Tensor, w: Tensor, t: Tensor) => {
          const [[loss, accuracy], gradients, squares] = withSquaredGradients(
            (q: { x: Tensor; w: Tensor }) => {
              const both = losses(q, t);
              return [both.loss, both.accuracy] as const;
            },
            { auxiliary: true },
          )({ x, w });
          return wide({ loss, accuracy, gradients, w: squares.w } as unknown as Tree<Tensor>);
        },
        randomArray([devices, batch, length, features], 7),
        randomArray([devices, features, classes], 8, 2),
        targets,
      );
    const mapped = await told(({ x, w }, t) => {
      const onEach = vmap(
        (own: Tensor, weight: Tensor) => slicedCrossEntropy(own, weight, t, { ...options, axisName }),
        {
          axisName,
        },
      );
      const all = onEach(x, w);
      const first = (y: Tensor): Tensor => reshape(slice(y, { axis: 0, end: 1 }), []);
      return { loss: first(all.loss), accuracy: first(all.accuracy) };
    });
    const whole = await told(({ x, w }, t) => {
      const parts = Array.from({ length: devices }, (_, i) => slice(x, { axis: 0, start: i, end: i + 1 }));
      const states = reshape(concat(parts, -1), [batch, length, devices * features]);
      return slicedCrossEntropy(states, reshape(w, [devices * features, classes]), t, options);
    });
    close(mapped, whole);
  });

  it('parameters are named by their device, and squares are those of steps that are not reversible', async () => {
    const model = new Olmax(configOf(devices));
    const paths = parametersOf(model).map(({ path }) => path);
    const last = devices - 1;
    for (const path of ['embedding', 'middle', 'blocks.1.bottleneck.body.first', 'blocks.0.mixing.after'])
      expect(paths).toContain(`${path}.${last}.weight`);
    expect(paths).toContain(`projection.${last}`);
    expect(paths).toContain(`blocks.0.mixing.body.mixer.${last}.first`);
    const told = (options: Partial<OlmaxConfig>) => {
      const own = new Olmax(configOf(devices, options));
      return run(
        (p: Tree<Tensor>, x: Tensor) =>
          wide(
            withSquaredGradients((q: Tree<Tensor>) => bind(own, q, () => own.losses(x).loss))(
              p,
            ) as unknown as Tree<Tensor>,
          ),
        randomParameters(model, 3),
        randomIntegers([2, 17], 5, 256),
      );
    };
    const plain = await told({ reversible: false });
    close(await told({ reversible: true }), plain);
    close(await told({ reversible: false, recompute: 'block' }), plain);
  });
});
