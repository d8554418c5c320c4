import { NonetError } from '../../core/errors.js';
import type { Node, Tensor } from '../../tensor/graph.js';
import { bytesOf, type DType, elementCount, rowMajorStrides, type Shape } from '../../tensor/types.js';
import { isView, sourceOf, viewSource } from '../passes/views.js';
import {
  dtypeCodes,
  float,
  type Instruction,
  type KernelName,
  type Parameter,
  type Place,
  placeOf,
} from './instruction.js';
import {
  type Buffer,
  broadcastStrides,
  collapse,
  contiguousView,
  isContiguous,
  reshapeView,
  type View,
} from './storage.js';

/** What a lowering must know of the machine. Kernels and tiles live only under it. */
export interface Target {
  /** Bytes of a packed weight matrix of k x n. */
  packedBytes(k: number, n: number): number;
  /** Number of partial sums of a column sum over rows x columns. */
  sumTasks(rows: number, columns: number): number;
}

export const segments = { arena: 0, constants: 1, inputs: 2, outputs: 3, firstState: 4 } as const;

/** A view, and the conditional block in which it was made. */
interface Arranged {
  readonly view: View;
  readonly block: number;
}

/** Collects the instructions of a program and says where every value lies. */
export class Builder {
  readonly target: Target;
  readonly instructions: Instruction[] = [];
  readonly buffers: Buffer[] = [];
  readonly constants: { readonly place: Buffer; readonly bytes: Uint8Array }[] = [];
  constantBytes = 0;
  /** Unit that is being lowered, and its conditional block. */
  unit = 0;
  block = 0;
  /** Values whose places were asked for since the last call. */
  private readonly written: Tensor[] = [];
  private readonly stored = new Map<Tensor, View>();
  /** The values that lie in a buffer. */
  private readonly held = new Map<Buffer, Set<Tensor>>();
  private readonly views = new Map<Tensor, Arranged>();
  private readonly copies = new Map<Tensor, Arranged>();
  private readonly copied = new Map<Buffer, Tensor>();
  private readonly constantViews = new Map<Tensor, View>();
  private readonly placements = new Map<Tensor, View>();

  constructor(target: Target) {
    this.target = target;
  }

  newBuffer(bytes: number, shared = false): Buffer {
    const buffer: Buffer = { bytes, segment: segments.arena, offset: -1, first: Infinity, last: -1, shared };
    this.buffers.push(buffer);
    return buffer;
  }

  newContiguous(dtype: DType, shape: Shape): View {
    return contiguousView(this.newBuffer(elementCount(shape) * bytesOf(dtype)), dtype, shape);
  }

  /** A fixed place in another segment than the arena. */
  fixedBuffer(segment: number, offset: number, bytes: number): Buffer {
    return { bytes, segment, offset, first: 0, last: 0, shared: false };
  }

  /** Wishes that a value be written to a certain place (a part of a concat, a donated leaf, an output). */
  place(tensor: Tensor, view: View): void {
    this.placements.set(tensor, view);
  }

  placementOf(tensor: Tensor): View | undefined {
    return this.placements.get(tensor);
  }

  /** Says where a computed value lies. */
  store(tensor: Tensor, view: View): void {
    const before = this.stored.get(tensor);
    if (before && before.buffer !== view.buffer) this.held.get(before.buffer)?.delete(tensor);
    this.stored.set(tensor, view);
    const others = this.held.get(view.buffer);
    if (others) others.add(tensor);
    else this.held.set(view.buffer, new Set([tensor]));
  }

  /** The values that lie in a buffer. */
  heldBy(buffer: Buffer): Iterable<Tensor> {
    return this.held.get(buffer) ?? [];
  }

  storedAt(tensor: Tensor): View | undefined {
    return this.stored.get(tensor);
  }

  /** The place for a value that a kernel is about to write: the wished one if it is contiguous or strides are fine. */
  output(tensor: Tensor, options: { strided?: boolean } = {}): View {
    const wished = this.placements.get(tensor);
    const view =
      wished && (options.strided || isContiguous(wished)) ? wished : this.newContiguous(tensor.dtype, tensor.shape);
    this.store(tensor, view);
    this.written.push(tensor);
    return view;
  }

  /** How a value lies in memory, views resolved to strides. */
  view(tensor: Tensor): View {
    const known = this.stored.get(tensor) ?? this.reachable(this.views.get(tensor));
    if (known) return known;
    if (tensor.node.op.name === 'constant') return this.constantView(tensor);
    if (!isView(tensor.node)) {
      throw new NonetError(
        'E_PROGRAM',
        `${tensor.node.op.name} is read before it is computed (node ${tensor.node.id})`,
      );
    }
    const view = this.viewThrough(tensor);
    this.views.set(tensor, { view, block: this.block });
    return view;
  }

  /** The value that a buffer holds a dense copy of. */
  copiedValue(buffer: Buffer): Tensor | undefined {
    return this.copied.get(buffer);
  }

  /** What a conditional block arranged may be skipped over, so only that block can use it. */
  private reachable(arranged: Arranged | undefined): View | undefined {
    return arranged && (arranged.block === 0 || arranged.block === this.block) ? arranged.view : undefined;
  }

  /** The value without gaps, copied if need be. */
  contiguous(tensor: Tensor): View {
    const view = this.view(tensor);
    if (isContiguous(view)) return view;
    const before = this.reachable(this.copies.get(tensor));
    if (before) return before;
    const copy = this.newContiguous(tensor.dtype, tensor.shape);
    this.copy(view, copy, [tensor.node]);
    this.copies.set(tensor, { view: copy, block: this.block });
    this.copied.set(copy.buffer, sourceOf(tensor));
    return copy;
  }

  emit(
    kernel: KernelName,
    operands: readonly (Place | null)[],
    parameters: Parameter[],
    nodes: readonly Node[],
  ): Instruction {
    const time = this.instructions.length;
    for (const operand of operands) if (operand) touch(operand.buffer, time);
    const instruction: Instruction = { kernel, operands, parameters, nodes, results: this.written.splice(0) };
    this.instructions.push(instruction);
    return instruction;
  }

  /** The last two calls run interleaved: what the first one reads must outlive the second, what that one writes be free before. */
  attachLast(): void {
    const time = this.instructions.length - 1;
    const [first, second] = this.instructions.slice(-2) as [Instruction, Instruction];
    for (const operand of first.operands) if (operand) touch(operand.buffer, time);
    for (const operand of second.operands) if (operand) touch(operand.buffer, time - 1);
  }

  /** Says that a buffer's contents are needed up to here. */
  keepAlive(buffer: Buffer): void {
    touch(buffer, this.instructions.length - 1);
  }

  /** Copies one arrangement into another of the same shape. */
  copy(source: View, destination: View, nodes: readonly Node[]): void {
    if (elementCount(source.shape) === 0) return;
    const dims = collapse(source.shape, source.strides, destination.strides);
    if (dims.sizes.length === 0) {
      dims.sizes.push(1);
      for (const list of dims.strides) list.push(1);
    }
    if (dims.sizes.length > 6)
      throw new NonetError('E_SHAPE', `a copy over ${dims.sizes.length} dimensions; at most 6`);
    const [from, to] = dims.strides as [number[], number[]];
    const size = bytesOf(source.dtype);
    this.emit(
      'copy',
      [placeOf(source), placeOf(destination)],
      [size, dims.sizes.length, ...dims.sizes, ...from, ...to],
      nodes,
    );
  }

  fill(destination: View, value: number, nodes: readonly Node[]): void {
    const count = elementCount(destination.shape);
    if (count > 0)
      this.emit('fill', [placeOf(destination)], [dtypeCodes[destination.dtype], count, float(value)], nodes);
  }

  private viewThrough(tensor: Tensor): View {
    const { node } = tensor;
    const inner = viewSource(tensor);
    const view = this.view(inner);
    switch (node.op.name) {
      case 'reshape':
        return (
          reshapeView(view, tensor.shape) ?? {
            ...this.contiguous(inner),
            shape: tensor.shape,
            strides: rowMajorStrides(tensor.shape),
          }
        );
      case 'broadcastTo':
        return { ...view, shape: tensor.shape, strides: broadcastStrides(view.shape, view.strides, tensor.shape) };
      case 'transpose': {
        const permutation = node.attributes.permutation as readonly number[];
        return { ...view, shape: tensor.shape, strides: permutation.map((axis) => view.strides[axis]!) };
      }
      case 'slice': {
        const { axis, start } = node.attributes as { axis: number; start: number };
        return { ...view, shape: tensor.shape, offset: view.offset + start * view.strides[axis]! };
      }
      case 'split': {
        const axis = node.attributes.axis as number;
        const start = node.outputs.slice(0, tensor.index).reduce((sum, part) => sum + part.shape[axis]!, 0);
        return { ...view, shape: tensor.shape, offset: view.offset + start * view.strides[axis]! };
      }
      default:
        return view;
    }
  }

  /** Constants lie in a segment of their own; one value for all elements is stored once and read with stride 0. */
  private constantView(tensor: Tensor): View {
    const known = this.constantViews.get(tensor);
    if (known) return known;
    const data = tensor.node.attributes.data as Float64Array | undefined;
    const values = data ?? Float64Array.of(tensor.node.attributes.value as number);
    const bytes = encodeConstants(values, tensor.dtype);
    const place = this.fixedBuffer(segments.constants, this.constantBytes, bytes.length);
    this.constantBytes += Math.ceil(bytes.length / 64) * 64;
    this.constants.push({ place, bytes });
    const strides = data ? rowMajorStrides(tensor.shape) : tensor.shape.map(() => 0);
    const view: View = { buffer: place, dtype: tensor.dtype, shape: tensor.shape, strides, offset: 0 };
    this.constantViews.set(tensor, view);
    return view;
  }
}

const touch = (buffer: Buffer, time: number): void => {
  buffer.first = Math.min(buffer.first, time);
  buffer.last = Math.max(buffer.last, time);
};

/** Values as a dtype's bytes. */
export const encodeConstants = (values: Float64Array, dtype: DType): Uint8Array => {
  switch (dtype) {
    case 'f32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'f64':
      return new Uint8Array(values.slice().buffer);
    case 'i32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'bf16': {
      const bits = new Uint32Array(Float32Array.from(values).buffer);
      return new Uint8Array(Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16).buffer);
    }
    default:
      return Uint8Array.from(values);
  }
};
