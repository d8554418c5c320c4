import { rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { compile, type GraphJson, graphJson, graphOf, nn, ops, type Tensor } from '../src/index.js';
import { trainedModel } from '../src/train/model.js';
import { trainingRoot } from './train-support.js';

const { root, configOf } = trainingRoot();
afterAll(() => rm(root, { recursive: true, force: true }));

/** Whether every value is one of a node before, which is there. */
const isConnected = ({ nodes, outputs }: GraphJson): boolean =>
  nodes.every(
    ({ id, inputs }, i) => id === i && inputs.every(([node, index]) => node < id && nodes[node]!.outputs[index]),
  ) && outputs.every(({ value: [node, index] }) => nodes[node]?.outputs[index]);

describe('graphJson', () => {
  it('tells what was traced, before any pass', () => {
    const f = compile((x: Tensor) => {
      const doubled = ops.scope('layer', () => ops.mul(x, 2));
      return { y: ops.matmul(doubled, doubled), low: ops.maximum(x, Number.NEGATIVE_INFINITY) };
    });
    const { program } = f.plan({ shape: [3, 3], dtype: 'f32' });
    const graph = graphJson(program);
    expect(JSON.parse(JSON.stringify(graph))).toEqual(graph);
    expect(isConnected(graph)).toBe(true);
    expect(graph.nodes.map(({ op, scope }) => [op, scope])).toEqual([
      ['input', ''],
      ['constant', 'layer'],
      ['mul', 'layer'],
      ['matmul', ''],
      ['constant', ''],
      ['maximum', ''],
    ]);
    expect(graph.nodes[3]).toEqual({
      id: 3,
      op: 'matmul',
      scope: '',
      inputs: [
        [2, 0],
        [2, 0],
      ],
      outputs: [{ shape: [3, 3], dtype: 'f32' }],
      attributes: { transposeA: false, transposeB: false },
    });
    expect(graph.nodes[4]!.attributes!.value).toBe('-Infinity');
    expect(graph.outputs).toEqual([
      { path: 'y', value: [3, 0] },
      { path: 'low', value: [5, 0] },
    ]);
  });
});

describe('graphOf', () => {
  const config = configOf({ name: 'graph', model: { dropout: 0.1 }, train: { accumulation: 2 } });
  const model = trainedModel(config);
  const weights = nn.parametersOf(model).map(({ path, parameter }) => [path, parameter.shape]);
  const namedOf = ({ nodes }: GraphJson) =>
    nodes
      .filter(({ parameter }) => parameter !== undefined)
      .map(({ parameter, outputs }) => [parameter, outputs[0]!.shape]);

  it('is the model from a batch to the loss', () => {
    const graph = graphOf(config, 'model');
    expect(isConnected(graph)).toBe(true);
    expect(namedOf(graph)).toEqual(weights);
    expect(graph.outputs.map(({ path }) => path)).toEqual(['loss', 'payloadLoss']);
    const { nodes } = graph;
    const attention = nodes.filter(({ op }) => op === 'attention').map(({ scope }) => scope);
    expect(attention).toEqual(['blocks.0.attention', 'blocks.1.attention']);
    // The product with a weight names it.
    const product = nodes.find(({ op, scope }) => op === 'matmul' && scope === 'blocks.1.attention.qkv')!;
    expect(nodes[product.inputs[1]![0]]!.parameter).toBe('blocks.1.attention.qkv.weight');
    expect(nodes.filter(({ path }) => path?.startsWith('optimizer'))).toEqual([]);
  });

  it('is a training step with what it writes', () => {
    const graph = graphOf(config, 'step');
    expect(isConnected(graph)).toBe(true);
    expect(namedOf(graph)).toEqual(weights);
    const written = graph.outputs.flatMap(({ writes }) => writes ?? []);
    expect(written).toContain('gradients.blocks.1.attention.qkv.weight');
  });
});
