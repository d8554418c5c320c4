import type { Attributes, Node, Tensor } from '../tensor/graph.js';
import type { DType, Shape } from '../tensor/types.js';
import type { Program } from './program.js';

/** A value: output `index` of node `node`. */
export type GraphValue = readonly [node: number, index: number];

export interface GraphNode {
  readonly id: number;
  /** See docs/ops.md. */
  readonly op: string;
  /** Path of the module that called it; empty outside of all. */
  readonly scope: string;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly { readonly shape: Shape; readonly dtype: DType }[];
  /** Numbers, texts, flags and short lists; of a long list its length, as `{ length }`; what is not finite as a text. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of an input: where its value comes from, such as `parameters.blocks.3.attention.qkv.weight`. */
  readonly path?: string;
  /** Of an input that is a weight: its name in checkpoints, such as `blocks.3.attention.qkv.weight`. */
  readonly parameter?: string;
  /** Whether the value was known before, and is computed again to save memory. */
  readonly recomputed?: true;
  /** The conditional block that it runs in; missing where it always runs. */
  readonly block?: number;
  /** How much of the leading dimension is computed, where that is known at run time. */
  readonly extent?: GraphValue;
}

/** A program as plain data: what was traced, before any pass. */
export interface GraphJson {
  readonly format: 'nonet-graph';
  readonly version: 1;
  readonly nodes: readonly GraphNode[];
  /** What the program returns; `writes` names the leaf of a state that takes the value. */
  readonly outputs: readonly { readonly path: string; readonly value: GraphValue; readonly writes?: string }[];
}

const longestList = 16;
const parameterPath = /^(?:parameters|frozen)\.(.+)$/;

/** The graph of a traced program (`compiled.plan(...).program`) as plain data that JSON can hold. */
export const graphJson = ({ graph, outputs }: Program): GraphJson => ({
  format: 'nonet-graph',
  version: 1,
  nodes: graph.nodes.map(nodeJson),
  outputs: outputs.map(({ path, tensor, donated }) => ({
    path,
    value: valueAt(tensor),
    ...(donated && { writes: donated.path }),
  })),
});

const valueAt = ({ node, index }: Tensor): GraphValue => [node.id, index];

const nodeJson = (node: Node): GraphNode => {
  const { id, op, scope, inputs, outputs, recomputed, block, extent } = node;
  const path = op.kind === 'input' ? String(node.attributes.path) : undefined;
  const parameter = path && parameterPath.exec(path)?.[1];
  const attributes = path === undefined ? attributesJson(node.attributes) : {};
  return {
    id,
    op: op.name,
    scope,
    inputs: inputs.map(valueAt),
    outputs: outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(path !== undefined && { path }),
    ...(parameter && { parameter }),
    ...(recomputed && { recomputed }),
    ...(block > 0 && { block }),
    ...(extent && { extent: valueAt(extent) }),
  };
};

/** JSON has no infinity: `-Infinity` as a text. */
const finiteOrText = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

/** What a reader can do something with: functions and graphs inside of a graph are left out. */
const attributesJson = (attributes: Attributes): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]): [string, unknown][] => {
      if (typeof value === 'number') return [[name, finiteOrText(value)]];
      if (typeof value === 'string' || typeof value === 'boolean') return [[name, value]];
      if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return [];
      const list = [...(value as ArrayLike<unknown> & Iterable<unknown>)];
      if (list.length > longestList) return [[name, { length: list.length }]];
      return list.every((item) => typeof item === 'number') ? [[name, list.map(finiteOrText)]] : [];
    }),
  );
