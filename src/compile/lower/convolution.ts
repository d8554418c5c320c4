import type { Node, Tensor } from '../../tensor/graph.js';
import { bytesOf } from '../../tensor/types.js';
import type { Builder } from './builder.js';
import { type Place, placeOf } from './instruction.js';
import { packFromRows, packWeights } from './matmul.js';
import { align } from './memory.js';
import type { View } from './storage.js';

/** Products with windows of x, which lie in memory as overlapping rows: nothing is unfolded. */
export const lowerConvolution = (builder: Builder, node: Node): void => {
  const [x, weight] = node.inputs as [Tensor, Tensor];
  const { transposed } = node.attributes as { transposed: boolean };
  const y = node.outputs[0]!;
  const [batch, count, outputs] = y.shape as [number, number, number];
  const [taps, groups] = [weight.shape.at(-3)!, weight.shape.length === 4 ? weight.shape[0]! : 1];
  const from = sequences(builder, x, true);
  const k = taps * x.shape[2]!;
  const packed = transposed || (batch / groups) * count >= packFromRows;
  const weights = packed
    ? packGroups(builder, node, { weight, transposed, groups, taps, k, outputs })
    : { place: placeOf(builder.contiguous(weight)), stride: k * outputs };
  const wished = builder.placementOf(y);
  const out = builder.output(y, { strided: !!wished && isSequences(wished, false) });
  if (groups === 1 && count === 1 && taps === x.shape[1]) {
    // One position of each text, as in decoding: the texts are the rows of one product.
    const sides = [batch, outputs, k, Math.max(from.strides[0]!, k), 0, outputs, 0, packed ? 1 : 0];
    const operands = [placeOf(from), weights.place, placeOf(out), null];
    const ldc = batch > 1 ? out.strides[0]! : outputs;
    builder.emit('gemm', operands, [...sides, ldc, 0, ...[1, 1, 0, 0, 0, 0, 0, 0], 0, 0], [node]);
    return;
  }
  builder.emit(
    'convolution',
    [placeOf(from), weights.place, placeOf(out)],
    [
      ...windowsOf(node, from, taps, groups),
      ...[outputs, packed ? 1 : 0, groups > 1 ? weights.stride : 0],
      ...[out.strides[0]!, rowStride(out)],
    ],
    [node],
  );
};

export const lowerConvolutionGradient = (builder: Builder, node: Node): void => {
  const [x, dy] = node.inputs as [Tensor, Tensor];
  const { taps, groups } = node.attributes as { taps: number; groups: number };
  const [from, to] = [sequences(builder, x, true), sequences(builder, dy, false)];
  const out = builder.output(node.outputs[0]!);
  builder.emit(
    'convolutionGradient',
    [from, to, out].map(placeOf),
    [...windowsOf(node, from, taps, groups || 1), dy.shape[2]!, to.strides[0]!, rowStride(to)],
    [node],
  );
};

const windowsOf = (node: Node, { shape, strides }: View, taps: number, groups: number): number[] => {
  const { before, after } = node.attributes as { before: number; after: number };
  return [shape[0]!, groups, shape[1]!, shape[2]!, taps, before, after, strides[0]!];
};

interface GroupedWeight {
  readonly weight: Tensor;
  readonly transposed: boolean;
  readonly groups: number;
  readonly taps: number;
  readonly k: number;
  readonly outputs: number;
}

const packGroups = (
  builder: Builder,
  node: Node,
  { weight, transposed, groups, taps, k, outputs }: GroupedWeight,
): { place: Place; stride: number } => {
  const view = builder.contiguous(weight);
  const leading = transposed ? k / taps : outputs;
  const matrix = { place: placeOf(view), leading, transposed };
  const read = transposed ? taps : 1;
  if (groups === 1) return { place: packWeights(builder, weight, matrix, k, outputs, node, read), stride: 0 };
  const bytes = align(builder.target.packedBytes(k, outputs));
  const buffer = builder.newBuffer(bytes * groups);
  for (let group = 0; group < groups; group++) {
    const source = { ...view, offset: view.offset + group * k * outputs };
    const parameters = [k, outputs, leading, transposed ? 1 : 0, read];
    builder.emit('packWeights', [placeOf(source), { buffer, offset: group * bytes }], parameters, [node]);
  }
  return { place: { buffer, offset: 0 }, stride: bytes / bytesOf('f32') };
};

/** [batch, length, width] whose positions are dense and, where `adjoining`, follow each other without gaps. */
const sequences = (builder: Builder, tensor: Tensor, adjoining: boolean): View => {
  const view = builder.view(tensor);
  return isSequences(view, adjoining) ? view : builder.contiguous(tensor);
};

const isSequences = (view: View, adjoining: boolean): boolean => {
  const [batch, length, width] = view.shape as [number, number, number];
  const [sequence, row, element] = view.strides as [number, number, number];
  const dense = width === 1 || element === 1;
  const rows = length === 1 || (adjoining ? row === width : row >= width);
  return dense && rows && (batch === 1 || sequence > 0);
};

/** Elements between positions; with a single one, or none, any number will do that is not below the width. */
const rowStride = ({ shape, strides }: View): number => (shape[1]! > 1 ? strides[1]! : shape[2]!);
