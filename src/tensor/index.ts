export {
  type Attributes,
  Graph,
  isTracing,
  type NamedAxis,
  type Node,
  type Precision,
  scope,
  Tensor,
  type TraceContext,
  traceContext,
  withContext,
  withExtent,
  withNamedAxis,
  withPrecision,
} from './graph.js';
export {
  apply,
  type Cost,
  defineOp,
  type Examples,
  type Mapped,
  type OpDefinition,
  type OpKind,
} from './op.js';
export * from './ops/index.js';
export { type Tree, type TreeLeaf, treeLeaves, treeMap } from './tree.js';
export * from './types.js';
