import type { Node, Tensor } from '../../tensor/graph.js';
import { elementCount, type Shape } from '../../tensor/types.js';
import { endsProgram, leadingSize, type Mode, naturalSpace, resolveOperand, type Space } from './space.js';
import { Spans } from './spans.js';
import { isView, sourceOf } from './views.js';

/** What is scheduled as one piece: a row program over several nodes, or a single node. */
export interface Unit {
  readonly nodes: readonly Node[];
  readonly block: number;
  /** Set for row programs. */
  readonly space?: Space;
  readonly modes?: ReadonlyMap<Node, Mode>;
  readonly extent?: Tensor;
}

/** A unit while it grows. */
interface Draft {
  nodes: Node[];
  space?: Space;
  modes: Map<Node, Mode>;
  /** Nodes are fused only within one stretch of trace between changes of block. */
  segment: number;
  extent: Tensor | undefined;
  /** Size of the dimension that the extent bounds. */
  leading: number | undefined;
  block: number;
  first: number;
  last: number;
  inputs: Set<Draft>;
  merged?: Draft;
}

type DraftOf = (node: Node) => Draft | undefined;

const maxNodes = 96;
/**
 * Results of kernels that a program waits for. Without a limit the gradients of a weight that all layers share would add up in
 * one program behind the last of them, and all be kept until then.
 */
const maxProducts = 6;

/**
 * Clusters nodes into row programs, greedily in trace order: a node joins the latest program that produces one of its
 * operands, if it walks the same rows and columns and no path leads from that program through others back to the node.
 * With `fuse` off every node stands alone. Returns units in an order that respects dependencies and, where free, trace order.
 */
export const formUnits = (nodes: readonly Node[], fuse: boolean): Unit[] => {
  const owner = new Map<Node, Draft>();
  const drafts: Draft[] = [];
  // Inputs and constants have none: they are there from the start.
  const draftOf: DraftOf = (node) => {
    const draft = owner.get(node);
    return draft && root(draft);
  };
  const spans = new Spans(nodes.length);
  let segment = 0;
  let block = 0;
  nodes.forEach((node, position) => {
    if (isView(node)) return;
    if (node.block !== block) {
      segment++;
      block = node.block;
    }
    const read = node.extent ? [...node.inputs, node.extent] : node.inputs;
    const producers = read.flatMap((input) => draftOf(sourceOf(input).node) ?? []);
    const natural = naturalSpace(node);
    const draft: Draft = {
      nodes: [node],
      ...(natural && { space: { rows: natural.rows, columns: natural.columns } }),
      modes: new Map(natural ? [[node, natural.mode]] : []),
      segment,
      // A scalar has no dimension to bound.
      extent: leadingSize(node) === undefined ? undefined : node.extent,
      leading: leadingSize(node),
      block: node.block,
      first: position,
      last: position,
      inputs: new Set(producers),
    };
    owner.set(node, draft);
    drafts.push(draft);
    if (fuse && natural && natural.rows * natural.columns > 0) joinProducers(node, draft, { draftOf, spans });
  });
  const ordered = order(drafts.filter((draft) => !draft.merged));
  return (fuse ? joinSiblings(followProducts(ordered)) : ordered).map((draft) => ({
    nodes: draft.nodes,
    block: draft.block,
    ...(draft.space && { space: draft.space, modes: draft.modes }),
    ...(draft.extent && { extent: draft.extent }),
  }));
};

interface Surroundings {
  readonly draftOf: DraftOf;
  readonly spans: Spans;
}

const joinProducers = (node: Node, draft: Draft, { draftOf, spans }: Surroundings): void => {
  const candidates = new Set<Draft>();
  for (const input of node.inputs) {
    const producer = draftOf(sourceOf(input).node);
    if (producer?.space) candidates.add(producer);
  }
  const latestFirst = [...candidates].sort((a, b) => b.last - a.last);
  let own = draft;
  for (const candidate of latestFirst) {
    if (candidate.segment !== own.segment || !sameBounds(candidate, own)) continue;
    if (candidate.nodes.length + own.nodes.length > maxNodes) continue;
    if (!isComputedWith(node, candidate) || productsOf(candidate, own).size > maxProducts) continue;
    const mode = own === draft ? modeWithin(node, candidate, draftOf) : sameSpace(own.space!, candidate.space!);
    if (!mode) continue;
    const joining = own === draft && mode !== true ? { ...own, modes: new Map([[node, mode]]) } : own;
    // Either may read the other: a program that has grown can hold older nodes than the next candidate.
    if (!readsFit(joining, candidate, draftOf) || !readsFit(candidate, own, draftOf)) continue;
    if (reaches(candidate, own, spans)) continue;
    own.modes = joining.modes;
    own = absorb(candidate, own);
    spans.add(own);
  }
};

/** The units other than programs that either waits for. */
const productsOf = (...drafts: readonly Draft[]): Set<Draft> =>
  new Set(drafts.flatMap(({ inputs }) => [...inputs].map(root).filter((input) => !input.space)));

/** What is computed again waits for its backward pass: with the program that made its operands it would have to be kept. */
const isComputedWith = (node: Node, { nodes }: Draft): boolean =>
  !node.recomputed || nodes.every(({ fence }) => fence === node.fence);

/** Whether the same rows of both are alive at run time. */
const sameBounds = (a: Draft, b: Draft): boolean => a.extent === b.extent && (!a.extent || a.leading === b.leading);

const sameSpace = (a: Space, b: Space): boolean => a.rows === b.rows && a.columns === b.columns;

/** The mode a new node would have inside a program, or undefined where its space does not fit. */
const modeWithin = (node: Node, program: Draft, draftOf: DraftOf): Mode | undefined => {
  const natural = naturalSpace(node)!;
  const { rows, columns } = program.space!;
  if (natural.rows === rows && natural.columns === columns) return natural.mode;
  if (columns === 1) return undefined;
  const perRow = (input: Tensor): boolean => elementCount(input.shape) === rows || elementCount(input.shape) === 1;
  if (node.op.kind === 'elementwise' && !node.op.name.startsWith('random')) {
    if (elementCount(node.outputs[0]!.shape) !== rows || !node.inputs.every(perRow)) return undefined;
    return 'row';
  }
  const operand = resolveOperand(node.inputs[0]!);
  const inside = !isView(operand.base.node) && draftOf(operand.base.node) === program;
  const from = inside ? program.modes.get(operand.base.node) : undefined;
  if (natural.mode === 'sumRowValues' && natural.rows === rows && isPerRow(from)) return 'sumRowValues';
  return undefined;
};

const isPerRow = (mode: Mode | undefined): boolean => mode === 'row' || mode === 'reduceRow';

/** Whether every value of `source` that `reader` would read is there in the form it needs once they are one program. */
const readsFit = (reader: Draft, source: Draft, draftOf: DraftOf): boolean =>
  reader.nodes.every((node) =>
    node.inputs.every((input) => {
      const { base, shape } = resolveOperand(input);
      if (draftOf(sourceOf(base).node) !== source) return true;
      // A value of the program behind a view that cannot be looked through would be read before it is written.
      return !isView(base.node) && fits(shape, source.modes.get(base.node), reader.modes.get(node), source.space!);
    }),
  );

/** Whether a value that is computed in mode `from` can be read as `shape` by a node of mode `to` of the same program. */
const fits = (shape: Shape, from: Mode | undefined, to: Mode | undefined, { rows, columns }: Space): boolean => {
  if (!from || endsProgram(from)) return false;
  const count = elementCount(shape);
  const perRow = to === 'row' || to === 'sumRowValues';
  if (isPerRow(from)) return count === rows && (perRow || columns === 1 || shape[shape.length - 1] === 1);
  return (count === rows * columns && !perRow) || (columns === 1 && count === rows);
};

/** Whether a path leads from `program` through at least one other unit to `target` (or the other way round). */
const reaches = (program: Draft, target: Draft, spans: Spans): boolean =>
  reachesThroughOthers(program, target, spans) || reachesThroughOthers(target, program, spans);

const reachesThroughOthers = (from: Draft, to: Draft, spans: Spans): boolean => {
  const earliest = spans.gap(from.first);
  const seen = new Set<Draft>();
  const stack: Draft[] = [];
  const push = (draft: Draft): void => {
    const real = root(draft);
    if (real === to || seen.has(real) || real.last < earliest) return;
    seen.add(real);
    stack.push(real);
  };
  for (const input of to.inputs) if (root(input) !== from) push(input);
  for (let next = stack.pop(); next; next = stack.pop()) {
    if (next === from) return true;
    for (const input of next.inputs) {
      if (root(input) === from) return true;
      push(input);
    }
  }
  return false;
};

const root = (draft: Draft): Draft => {
  let real = draft;
  while (real.merged) real = real.merged;
  return real;
};

const absorb = (program: Draft, own: Draft): Draft => {
  program.nodes = [...program.nodes, ...own.nodes].sort((a, b) => a.id - b.id);
  for (const [node, mode] of own.modes) program.modes.set(node, mode);
  for (const input of own.inputs) program.inputs.add(input);
  program.first = Math.min(program.first, own.first);
  program.last = Math.max(program.last, own.last);
  own.merged = program;
  program.inputs.delete(program);
  for (const input of [...program.inputs]) if (root(input) === program) program.inputs.delete(input);
  return program;
};

/** Kahn's algorithm; among ready units the one whose last node was traced first comes first. */
const order = (drafts: readonly Draft[]): Draft[] => {
  const byLast = [...drafts].sort((a, b) => a.last - b.last);
  const done = new Set<Draft>();
  const result: Draft[] = [];
  const place = (draft: Draft): void => {
    if (done.has(draft)) return;
    done.add(draft);
    const inputs = [...draft.inputs].map(root).filter((input) => input !== draft && !done.has(input));
    for (const input of inputs.sort((a, b) => a.last - b.last)) place(input);
    result.push(draft);
  };
  for (const draft of byLast) place(draft);
  return result;
};

/** Moves row programs right behind the product that they wait for last, so that they can run on its rows in the cache. */
const followProducts = (drafts: readonly Draft[]): Draft[] => {
  const position = new Map(drafts.map((draft, i) => [draft, i]));
  const followers = new Map<Draft, Draft[]>();
  const moved = new Set<Draft>();
  drafts.forEach((draft, i) => {
    if (!draft.space) return;
    const inputs = [...draft.inputs].map(root);
    const latest = inputs.reduce((last, input) => Math.max(last, position.get(input)!), -1);
    const product = drafts[latest];
    const waits = product && isRowProduct(product.nodes[0]!) && latest < i - 1;
    if (!waits || product.segment !== draft.segment || inputs.some((input) => moved.has(input))) return;
    if (!draft.nodes.every((node) => isComputedWith(node, product))) return;
    moved.add(draft);
    followers.set(product, [...(followers.get(product) ?? []), draft]);
  });
  return drafts.flatMap((draft) => (moved.has(draft) ? [] : [draft, ...(followers.get(draft) ?? [])]));
};

/** A product whose rows are those of its left operand; weight gradients, which sum over rows, are not. */
const isRowProduct = (node: Node): boolean => node.op.name === 'matmul' && !node.attributes.transposeA;

/** Joins neighbours that walk the same rows and read a common operand but not each other, such as the sums of one gradient. */
const joinSiblings = (drafts: readonly Draft[]): Draft[] => {
  const result: Draft[] = [];
  for (const draft of drafts) {
    const before = result.at(-1);
    const fits =
      before?.space &&
      draft.space &&
      before.space.columns > 1 &&
      sameSpace(before.space, draft.space) &&
      before.segment === draft.segment &&
      sameBounds(before, draft) &&
      before.nodes.length + draft.nodes.length <= maxNodes &&
      ![...draft.inputs].some((input) => root(input) === before) &&
      sharesOperand(before, draft);
    if (fits) absorb(before, draft);
    else result.push(draft);
  }
  return result;
};

const sharesOperand = (a: Draft, b: Draft): boolean => {
  const { rows, columns } = a.space!;
  const read = new Set(a.nodes.flatMap((node) => node.inputs.map((input) => sourceOf(input))));
  return b.nodes.some((node) =>
    node.inputs.some((input) => read.has(sourceOf(input)) && elementCount(input.shape) === rows * columns),
  );
};
