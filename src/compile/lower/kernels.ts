import { NonetError } from '../../core/errors.js';
import type { Node, Tensor } from '../../tensor/graph.js';
import { type AttentionAttributes, extentsOf } from '../../tensor/ops/attention-shapes.js';
import { bytesOf, describeType, elementCount, isFloat } from '../../tensor/types.js';
import type { Builder } from './builder.js';
import { lowerConvolution, lowerConvolutionGradient } from './convolution.js';
import { dtypeCodes, float, type Parameter, type Place, placeOf } from './instruction.js';
import { lowerMatmul } from './matmul.js';
import type { View } from './storage.js';

type Lowering = (builder: Builder, node: Node) => void;

/** Lowerings of ops that have a kernel of their own, by op name. */
export const kernelLowerings: Readonly<Record<string, Lowering>> = {
  matmul: lowerMatmul,
  convolution: lowerConvolution,
  convolutionGradient: lowerConvolutionGradient,
  attention: (builder, node) => {
    const [q, k, v] = node.inputs.slice(0, 3).map((tensor) => headsView(builder, tensor)) as [View, View, View];
    const extents = extentPlaces(builder, node, 3);
    const out = builder.output(node.outputs[0]!, { strided: true });
    const logSumExp = builder.output(node.outputs[1]!);
    builder.emit(
      'attentionForward',
      [...[q, k, v, out, logSumExp].map(placeOf), ...extents],
      [...attentionParameters(node, q, k), ...[q, k, v, out].flatMap(attentionStrides), ...bandOf(node)],
      [node],
    );
  },
  attentionGradient: (builder, node) => {
    const [q, k, v, o, logSumExp, dO] = node.inputs
      .slice(0, 6)
      .map((tensor, i) => (i === 4 ? builder.contiguous(tensor) : headsView(builder, tensor))) as [
      View,
      View,
      View,
      View,
      View,
      View,
    ];
    const extents = extentPlaces(builder, node, 6);
    const gradients = node.outputs.map((output) => builder.output(output, { strided: true }));
    builder.emit(
      'attentionBackward',
      [...[q, k, v, o, logSumExp, dO, ...gradients].map(placeOf), ...extents],
      [
        ...attentionParameters(node, q, k),
        ...[q, k, v, o, dO, ...gradients].flatMap(attentionStrides),
        ...bandOf(node),
      ],
      [node],
    );
  },
  rotary: (builder, node) => {
    const [x, cos, sin] = node.inputs as [Tensor, Tensor, Tensor];
    const [batch, length, heads, headDim] = x.shape as [number, number, number, number];
    const from = headsView(builder, x);
    const out = builder.output(node.outputs[0]!, { strided: true });
    const [c, s] = [builder.contiguous(cos), builder.contiguous(sin)];
    const tableBatch = cos.shape[0] === 1 ? 0 : length * (headDim / 2);
    builder.emit(
      'rotary',
      [from, c, s, out].map(placeOf),
      [batch, length, heads, headDim, tableBatch, ...attentionStrides(from), ...attentionStrides(out)],
      [node],
    );
  },
  sortByGroup: (builder, node) => {
    const [group] = node.inputs as [Tensor];
    const outputs = node.outputs.map((output) => placeOf(builder.output(output)));
    const extent = node.extent ? placeOf(builder.contiguous(node.extent)) : null;
    const [rows, perRow] = group.shape as [number, number];
    builder.emit(
      'sortByGroup',
      [placeOf(builder.contiguous(group)), ...outputs, extent],
      [rows, perRow, node.attributes.groups as number, extent ? 1 : 0],
      [node],
    );
  },
  groupedMatmul: (builder, node) => {
    const [x, weights, sizes] = node.inputs as [Tensor, Tensor, Tensor];
    const transposeB = node.attributes.transposeB as boolean;
    const [groups, k, n] = [sizes.shape[0]!, x.shape.at(-1)!, weights.shape[transposeB ? 1 : 2]!];
    const out = builder.output(node.outputs[0]!);
    builder.emit(
      'groupedGemm',
      [...[x, weights, sizes].map((tensor) => builder.contiguous(tensor)), out].map(placeOf),
      [elementCount(x.shape.slice(0, -1)), k, n, groups, transposeB ? 1 : 0],
      [node],
    );
  },
  groupedOuter: (builder, node) => {
    const [x, y, sizes] = node.inputs as [Tensor, Tensor, Tensor];
    const out = builder.output(node.outputs[0]!);
    builder.emit(
      'groupedOuter',
      [...[x, y, sizes].map((tensor) => builder.contiguous(tensor)), out].map(placeOf),
      [elementCount(x.shape.slice(0, -1)), x.shape.at(-1)!, y.shape.at(-1)!, sizes.shape[0]!],
      [node],
    );
  },
  gather: (builder, node) => {
    const [table, index] = node.inputs as [Tensor, Tensor];
    const columns = elementCount(table.shape.slice(1));
    const out = builder.output(node.outputs[0]!);
    const operands = [builder.contiguous(table), builder.contiguous(index), out].map(placeOf);
    const size = bytesOf(table.dtype);
    builder.emit(
      'gatherRows',
      operands,
      [elementCount(index.shape), columns, table.shape[0]!, size, columns, columns],
      [node],
    );
  },
  scatterAdd: (builder, node) => {
    const [index, updates] = node.inputs as [Tensor, Tensor];
    const output = node.outputs[0]!;
    const columns = elementCount(output.shape.slice(1));
    const out = builder.output(output);
    const operands = [builder.contiguous(index), builder.contiguous(updates), out].map(placeOf);
    builder.emit('scatterAddRows', operands, [elementCount(index.shape), columns, output.shape[0]!, columns], [node]);
  },
  takeAlong: (builder, node) => {
    const [x, index] = node.inputs as [Tensor, Tensor];
    const columns = x.shape[x.shape.length - 1]!;
    const count = index.shape[index.shape.length - 1]!;
    const out = builder.output(node.outputs[0]!);
    const operands = [builder.contiguous(x), builder.contiguous(index), out].map(placeOf);
    builder.emit('takeAlong', operands, [elementCount(x.shape) / columns, columns, count, columns], [node]);
  },
  putAlong: (builder, node) => {
    const [index, updates] = node.inputs as [Tensor, Tensor];
    const output = node.outputs[0]!;
    const columns = output.shape[output.shape.length - 1]!;
    const count = index.shape[index.shape.length - 1]!;
    const out = builder.output(output);
    const operands = [builder.contiguous(index), builder.contiguous(updates), out].map(placeOf);
    builder.emit('putAlong', operands, [elementCount(output.shape) / columns, columns, count], [node]);
  },
  updateRows: (builder, node) => {
    const [cache, rows, position] = node.inputs as [Tensor, Tensor, Tensor];
    const output = node.outputs[0]!;
    const [batch, length] = cache.shape as [number, number];
    const count = rows.shape[1]!;
    const width = elementCount(cache.shape.slice(2));
    const source = builder.contiguous(cache);
    const values = builder.contiguous(rows);
    const where = builder.contiguous(position);
    const out = builder.output(output);
    if (out.buffer !== source.buffer || out.offset !== source.offset) builder.copy(source, out, [node]);
    builder.emit(
      'updateRows',
      [values, where, out].map(placeOf),
      [batch, count, width, length, bytesOf(cache.dtype), count * width, length * width],
      [node],
    );
  },
  sample: (builder, node) => {
    const [logits, uniform, settings] = node.inputs as [Tensor, Tensor, Tensor];
    const [batch, vocab] = logits.shape as [number, number];
    const out = builder.output(node.outputs[0]!);
    const operands = [...[logits, uniform, settings].map((tensor) => builder.contiguous(tensor)), out].map(placeOf);
    builder.emit('sample', operands, [batch, vocab, vocab], [node]);
  },
  decodeRunLength: (builder, node) => {
    const [code, starts] = node.inputs as [Tensor, Tensor];
    const { patches, bitsPerPatch } = node.attributes as { patches: number; bitsPerPatch: number };
    const out = builder.output(node.outputs[0]!);
    const operands = [builder.contiguous(code), builder.contiguous(starts), out].map(placeOf);
    const parameters = [elementCount(starts.shape), patches, bitsPerPatch, elementCount(code.shape)];
    builder.emit('decodeRunLength', operands, parameters, [node]);
  },
  orthonormal: (builder, node) => {
    const [x] = node.inputs as [Tensor];
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const out = builder.output(node.outputs[0]!);
    const operands = [builder.contiguous(x), out].map(placeOf);
    builder.emit('orthonormal', operands, [elementCount(x.shape) / (rows * columns), rows, columns], [node]);
  },
  concat: (builder, node) => {
    const axis = node.attributes.axis as number;
    const out = builder.storedAt(node.outputs[0]!) ?? builder.output(node.outputs[0]!, { strided: true });
    let start = 0;
    for (const input of node.inputs) {
      const part = partOf(out, axis, start, input.shape[axis]!);
      const view = builder.view(input);
      const inPlace = view.buffer === part.buffer && view.offset === part.offset;
      if (!inPlace) builder.copy(view, part, [node]);
      start += input.shape[axis]!;
    }
  },
  pad: (builder, node) => {
    const { axis, before } = node.attributes as { axis: number; before: number };
    const [input] = node.inputs as [Tensor];
    const out = builder.output(node.outputs[0]!);
    builder.fill(out, 0, [node]);
    builder.copy(builder.view(input), partOf(out, axis, before, input.shape[axis]!), [node]);
  },
  guard: (builder, node) => {
    const condition = builder.contiguous(node.inputs[0]!);
    builder.emit('guard', [placeOf(condition)], [dtypeCodes[condition.dtype], node.id], [node]);
  },
};

/** Ops whose kernels move elements of any dtype; of floats the others know f32 alone. */
const movesAnyDType = new Set(['gather', 'updateRows', 'concat', 'pad']);

/** Throws `E_SHAPE` for operands that the reference executor computes but no native kernel does. */
export const requireKernel = ({ op, inputs }: Node): void => {
  const products = op.name === 'matmul';
  const other = inputs.find(({ dtype }) => isFloat(dtype) && dtype !== 'f32' && !(products && dtype === 'bf16'));
  if (!other || movesAnyDType.has(op.name)) return;
  throw new NonetError(
    'E_SHAPE',
    `${op.name}: the native core has no kernel for ${describeType(other)}; cast() the operands to f32`,
    {
      op: op.name,
    },
  );
};

/** The part of a view from `start` along an axis. */
export const partOf = (view: View, axis: number, start: number, size: number): View => ({
  ...view,
  shape: view.shape.map((full, i) => (i === axis ? size : full)),
  offset: view.offset + start * view.strides[axis]!,
});

/** Attention kernels want dense values within a head and any strides elsewhere. */
const headsView = (builder: Builder, tensor: Tensor): View => {
  const view = builder.view(tensor);
  return view.strides[3] === 1 || view.shape[3] === 1 ? view : builder.contiguous(tensor);
};

const extentPlaces = (builder: Builder, node: Node, first: number): (Place | null)[] => {
  const { keyLength, queryOffset } = extentsOf(node.inputs, first, node.attributes as AttentionAttributes);
  return [keyLength, queryOffset].map((tensor) => (tensor ? placeOf(builder.contiguous(tensor)) : null));
};

const attentionParameters = (node: Node, q: View, k: View): Parameter[] => {
  const [batch, queries, heads, headDim] = q.shape as [number, number, number, number];
  const { causal, scale } = node.attributes as { causal: boolean; scale: number };
  return [batch, heads, queries, k.shape[1]!, headDim, causal ? 1 : 0, float(scale)];
};

/** Positions of a chunk and what they see on either side; 0 and 0 where there are no chunks. */
const bandOf = (node: Node): number[] => {
  const { chunkSize, overlap } = node.attributes as AttentionAttributes;
  return [chunkSize, overlap];
};

/** Strides of batch, position and head of a `[batch, length, heads, headDim]` view. */
const attentionStrides = (view: View): number[] => [view.strides[0]!, view.strides[1]!, view.strides[2]!];
