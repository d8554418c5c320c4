import type { Node, Tensor } from '../../tensor/graph.js';
import { rowMajorStrides, tensorBytes } from '../../tensor/types.js';
import type { Unit } from '../passes/fuse.js';
import { sourceOf } from '../passes/views.js';
import { type Builder, segments } from './builder.js';
import type { Flow } from './flow.js';
import { partOf } from './kernels.js';
import { collapse, contiguousView, reshapeView, type View } from './storage.js';

/** Parts of a concat are written where they end up, if their kernel writes them once and takes strides. */
export const placeConcats = (builder: Builder, units: readonly Unit[], flow: Flow): void => {
  for (const unit of [...units].reverse()) {
    const [node] = unit.nodes;
    if (node!.op.name !== 'concat') continue;
    const output = node!.outputs[0]!;
    const axis = node!.attributes.axis as number;
    const wished = builder.placementOf(output);
    const inArena = !wished || wished.buffer.segment === segments.arena;
    if (!inArena) continue;
    const view: View = wished ?? {
      ...contiguousView(builder.newBuffer(tensorBytes(output), true), output.dtype, output.shape),
      strides: rowMajorStrides(output.shape),
    };
    if (wished) view.buffer.shared = true;
    builder.store(output, view);
    let start = 0;
    for (const input of node!.inputs) {
      const part = partOf(view, axis, start, input.shape[axis]!);
      start += input.shape[axis]!;
      placePart(builder, units, flow, unit, input, part);
    }
  }
};

/** Has a part of a concat computed in its place, seen through the reshapes that lead to it. */
const placePart = (
  builder: Builder,
  units: readonly Unit[],
  flow: Flow,
  unit: Unit,
  input: Tensor,
  part: View,
): void => {
  let source = input;
  let place: View | undefined = part;
  while (source.node.op.name === 'reshape' && place) {
    source = source.node.inputs[0]!;
    place = reshapeView(place, source.shape);
  }
  const producer = flow.unitOf.get(source.node);
  const once = unit.nodes[0]!.inputs.filter((other) => sourceOf(other) === source).length === 1;
  if (!place || !walksByRows(place) || producer === undefined || !once || builder.placementOf(source)) return;
  if (units[producer]!.block === unit.block && writesStrided(source.node, units[producer]!))
    builder.place(source, place);
};

/** Dense in the last dimension, the others in the three levels that kernels step through. */
const walksByRows = ({ shape, strides }: View): boolean => {
  const dense = shape.length > 0 && (strides.at(-1) === 1 || shape.at(-1) === 1);
  return dense && collapse(shape.slice(0, -1), strides.slice(0, -1)).sizes.length <= 3;
};

const writesStrided = (node: Node, unit: Unit): boolean => {
  if (node.op.kind === 'elementwise') return unit.modes!.get(node) === 'full';
  return ['matmul', 'attention', 'attentionGradient', 'rotary', 'convolution', 'concat'].includes(node.op.name);
};
