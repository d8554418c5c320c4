import { NonetError } from '../../core/errors.js';
import type { Node, Tensor } from '../../tensor/graph.js';
import { bytesOf, type DType, elementCount, type Shape, tensorBytes } from '../../tensor/types.js';
import type { Unit } from '../passes/fuse.js';
import { leadingSize, type Mode, naturalSpace, resolveOperand } from '../passes/space.js';
import { isView } from '../passes/views.js';
import { type Builder, segments } from './builder.js';
import { type Instruction, type Parameter, type Place, placeOf } from './instruction.js';
import {
  columnDot,
  columnSum,
  constant as constantOpcode,
  convert,
  opcodes,
  reductionOpcodes,
  rowDot,
  rowSum,
} from './opcodes.js';
import {
  type Buffer,
  broadcastStrides,
  collapse,
  contiguousView,
  isContiguous,
  reshapeView,
  spanBytes,
  type View,
} from './storage.js';

/** What the surrounding program says of a unit's values. */
export interface UnitContext {
  /** Values that something outside of the unit reads. */
  readonly escapes: (tensor: Tensor) => boolean;
  /** Whether nothing reads the buffer after this unit. */
  readonly dies: (buffer: Buffer) => boolean;
}

/** Slot classes of the native interpreter. */
export const slotClass = {
  full: 0,
  row: 1,
  memoryFull: 2,
  memoryRow: 3,
  memoryColumn: 4,
  memoryScalar: 5,
  columnSum: 6,
} as const;

interface Slot {
  class: number;
  dtype: number;
  view?: View;
  operand: number;
  levels: { sizes: number[]; strides: number[] };
  columnStride: number;
  span: number;
  /** Partial buffer of a column sum. */
  partial?: Buffer;
}

interface Step {
  opcode: number;
  destination: Slot;
  operands: Slot[];
  x: number;
  y: number;
}

const registerDtype = (dtype: DType): number => (dtype === 'f64' ? 1 : dtype === 'f32' || dtype === 'bf16' ? 0 : 3);
const memoryDtype: Record<DType, number> = { f32: 0, f64: 1, bf16: 2, i32: 3, u8: 4, bool: 5 };

/** Lowers a unit of elementwise ops and reductions to one row program. */
export const lowerRowProgram = (builder: Builder, unit: Unit, context: UnitContext): Instruction =>
  new RowProgram(builder, unit, context).emit();

class RowProgram {
  private readonly rows: number;
  private readonly columns: number;
  private readonly steps: Step[] = [];
  private readonly values = new Map<Tensor, Slot>();
  private readonly loads: Slot[] = [];
  private readonly consumers = new Map<Tensor, Node[]>();

  constructor(
    private readonly builder: Builder,
    private readonly unit: Unit,
    private readonly context: UnitContext,
  ) {
    this.rows = unit.space!.rows;
    this.columns = unit.space!.columns;
    for (const node of unit.nodes) {
      for (const input of node.inputs) {
        const { base } = resolveOperand(input);
        this.consumers.set(base, [...(this.consumers.get(base) ?? []), node]);
      }
    }
  }

  emit(): Instruction {
    const skipped = this.fusedProducts();
    for (const node of this.unit.nodes) if (!skipped.has(node)) this.lowerNode(node, skipped);
    this.protectDonated();
    this.reuseDyingInputs();
    const flat = this.isFlat();
    const slots = this.assignRegisters();
    const operands: Place[] = [];
    const indexOf = (place: Place): number => operands.push(place) - 1;
    for (const slot of slots) {
      if (slot.view) slot.operand = indexOf(placeOf(slot.view));
      if (slot.partial)
        slot.levels = { sizes: [1, 1, 1], strides: [indexOf({ buffer: slot.partial, offset: 0 }), 0, 0] };
    }
    const { extent } = this.unit;
    if (extent) operands.push(placeOf(this.builder.contiguous(extent)));
    const parameters: Parameter[] = [
      flat ? 1 : this.rows,
      flat ? this.rows * this.columns : this.columns,
      flat ? 1 : 0,
      0,
      extent ? this.rowsPerBound() : 0,
      slots.length,
      this.steps.length,
    ];
    for (const slot of slots) parameters.push(...this.encodeSlot(slot, flat));
    const at = new Map(slots.map((slot, i) => [slot, i]));
    for (const step of this.steps) {
      const [a = -1, b = -1, c = -1] = step.operands.map((slot) => at.get(slot)!);
      parameters.push(step.opcode, at.get(step.destination)!, a, b, c, { float: step.x }, { float: step.y });
    }
    return this.builder.emit('rowProgram', operands, parameters, this.unit.nodes);
  }

  /** Rows for each entry of the dimension that the extent bounds. */
  private rowsPerBound(): number {
    const [first] = this.unit.nodes;
    const rows = this.rows / leadingSize(first!)!;
    if (Number.isInteger(rows)) return rows;
    const { name } = first!.op;
    throw new NonetError('E_SHAPE', `${name}: under an extent only sum() of floats can reduce the leading dimension`, { op: name });
  }

  /** Products that only a sum reads: the pair becomes one dot instruction with the same bits. */
  private fusedProducts(): Set<Node> {
    const products = new Set<Node>();
    for (const node of this.unit.nodes) {
      const mode = this.unit.modes!.get(node);
      if (node.op.name !== 'sum' || (mode !== 'reduceRow' && mode !== 'sumRows' && mode !== 'sumAll')) continue;
      const { base } = resolveOperand(node.inputs[0]!);
      const inside = this.unit.modes!.get(base.node) === 'full' && this.unit.nodes.includes(base.node);
      const only = this.consumers.get(base)?.length === 1 && !this.context.escapes(base);
      if (inside && only && base.node.op.name === 'mul') products.add(base.node);
    }
    return products;
  }

  private lowerNode(node: Node, skipped: ReadonlySet<Node>): void {
    const mode = this.unit.modes!.get(node)!;
    const output = node.outputs[0]!;
    if (mode === 'full' || mode === 'row') {
      const name = node.op.name;
      const operands = node.inputs.map((input) => this.read(input, node, mode));
      const stream = name.startsWith('random') ? (node.attributes.stream as number) : 0;
      const opcode = opcodes[name];
      if (opcode === undefined) throw new Error(`no opcode for ${name}`);
      this.define(output, opcode, operands, mode === 'full' ? slotClass.full : slotClass.row, stream);
      return;
    }
    const source = node.inputs[0]!;
    const product = resolveOperand(source).base.node;
    const dot = skipped.has(product);
    const read = dot
      ? product.inputs.map((input) => this.read(input, product, 'full'))
      : [this.readReduced(source, node, mode)];
    if (mode === 'reduceRow') {
      const opcode = dot ? rowDot : reductionOpcodes[node.op.name]!;
      this.define(output, opcode, read, slotClass.row);
      return;
    }
    if (mode === 'sumAll') {
      const row = this.register(slotClass.row, registerDtype(output.dtype));
      this.steps.push({ opcode: dot ? rowDot : rowSum, destination: row, operands: read, x: 0, y: 0 });
      this.sumRows(output, columnSum, [row], 1);
      return;
    }
    const perColumn = mode === 'sumRows';
    this.sumRows(
      output,
      dot ? columnDot : columnSum,
      perColumn ? this.widerFirst(read, output.dtype) : read,
      perColumn ? this.columns : 1,
    );
  }

  /** Operands of a sum per column: the interpreter takes the first one's class, and one value per row would be one column. */
  private widerFirst(operands: Slot[], dtype: DType): Slot[] {
    const isRow = ({ class: kind }: Slot): boolean => kind === slotClass.row || kind === slotClass.memoryRow;
    const [first, ...others] = [...operands].sort((a, b) => Number(isRow(a)) - Number(isRow(b)));
    if (!isRow(first!) || this.columns === 1) return [first!, ...others];
    const full = this.register(slotClass.full, registerDtype(dtype));
    this.steps.push({ opcode: convert, destination: full, operands: [first!], x: 0, y: 0 });
    return [full, ...others];
  }

  private sumRows(output: Tensor, opcode: number, operands: Slot[], columns: number): void {
    const view = this.builder.output(output);
    const tasks = this.builder.target.sumTasks(this.rows, columns);
    const slot: Slot = {
      class: slotClass.columnSum,
      dtype: memoryDtype[output.dtype],
      view,
      operand: -1,
      levels: { sizes: [1, 1, 1], strides: [0, 0, 0] },
      columnStride: 1,
      span: tensorBytes(output),
      partial: this.builder.newBuffer(tasks * columns * bytesOf(output.dtype)),
    };
    this.steps.push({ opcode, destination: slot, operands, x: 0, y: 0 });
  }

  /** Computes a value into a register, or straight into memory when somebody outside reads it. */
  private define(output: Tensor, opcode: number, operands: Slot[], kind: 0 | 1, x = 0): void {
    const direct = output.dtype === 'f32' || output.dtype === 'f64' || output.dtype === 'i32';
    if (opcode === convert && !direct) return this.defineNarrow(output, operands[0]!, kind);
    if (!this.context.escapes(output)) {
      const register = this.register(kind, registerDtype(output.dtype));
      this.steps.push({ opcode, destination: register, operands, x, y: 0 });
      this.values.set(output, register);
      return;
    }
    const view = this.builder.output(output, { strided: kind === slotClass.full });
    const memory = this.memorySlot(
      view,
      output.shape,
      kind === slotClass.full ? slotClass.memoryFull : slotClass.memoryRow,
    );
    const usedInside = (this.consumers.get(output)?.length ?? 0) > 0;
    if (direct && (isContiguous(view) || !usedInside)) {
      this.steps.push({ opcode, destination: memory, operands, x, y: 0 });
      this.values.set(output, memory);
      return;
    }
    const register = this.register(kind, registerDtype(output.dtype));
    this.steps.push({ opcode, destination: register, operands, x, y: 0 });
    this.steps.push({ opcode: opcodes.cast!, destination: memory, operands: [register], x: 0, y: 0 });
    this.values.set(output, register);
  }

  /** Registers do not know narrow types: a cast to one goes through memory, where it is rounded, saturated or made 0 or 1. */
  private defineNarrow(output: Tensor, operand: Slot, kind: 0 | 1): void {
    const isFull = kind === slotClass.full;
    const view = this.context.escapes(output)
      ? this.builder.output(output, { strided: isFull })
      : this.builder.newContiguous(output.dtype, output.shape);
    const memory = this.memorySlot(view, output.shape, isFull ? slotClass.memoryFull : slotClass.memoryRow);
    const low = output.dtype === 'u8' && operand.dtype === memoryDtype.i32 ? this.lowByte(operand, kind) : operand;
    this.steps.push({ opcode: convert, destination: memory, operands: [low], x: 0, y: 0 });
    this.values.set(output, memory);
  }

  /** Integers keep their low eight bits. */
  private lowByte(operand: Slot, kind: 0 | 1): Slot {
    const [mask, low] = [this.register(kind, memoryDtype.i32), this.register(kind, memoryDtype.i32)];
    this.steps.push({ opcode: constantOpcode, destination: mask, operands: [], x: 0xff, y: 0 });
    this.steps.push({ opcode: opcodes.bitAnd!, destination: low, operands: [operand, mask], x: 0, y: 0 });
    return low;
  }

  private register(kind: 0 | 1, dtype: number): Slot {
    return {
      class: kind,
      dtype,
      operand: -1,
      levels: { sizes: [1, 1, 1], strides: [0, 0, 0] },
      columnStride: 0,
      span: 0,
    };
  }

  private readReduced(input: Tensor, node: Node, mode: Mode): Slot {
    const { base } = resolveOperand(input);
    const inside = this.values.get(base);
    if (inside) return inside;
    const { rows, columns } = naturalSpace(node)!;
    const perRow = mode === 'sumRowValues' && this.columns !== 1;
    const target = perRow ? [rows] : [rows, columns];
    return this.slotFor(
      reshapeView(this.builder.view(input), target) ?? contiguousLike(this.builder, input, target),
      perRow,
    );
  }

  private read(input: Tensor, node: Node, mode: Mode): Slot {
    const { base, shape } = resolveOperand(input);
    const inside = isView(base.node) ? undefined : this.values.get(base);
    if (inside) return inside;
    return this.load(base, shape, node.outputs[0]!.shape, mode === 'row');
  }

  /** A memory operand: `base` seen as `shape` and broadcast to `target`. */
  private load(base: Tensor, shape: Shape, target: Shape, perRow: boolean): Slot {
    const own = reshapeView(this.builder.view(base), shape) ?? contiguousLike(this.builder, base, shape);
    return this.slotFor({ ...own, shape: target, strides: broadcastStrides(own.shape, own.strides, target) }, perRow);
  }

  /** The slot of a memory operand; the same place read in the same way is one slot. */
  private slotFor(view: View, perRow: boolean): Slot {
    const slot = this.memorySlot(view, view.shape, undefined, perRow);
    const { levels } = slot;
    const same = (other: Slot): boolean =>
      other.view!.buffer === slot.view!.buffer &&
      other.view!.offset === slot.view!.offset &&
      other.class === slot.class &&
      other.dtype === slot.dtype &&
      other.columnStride === slot.columnStride &&
      levels.sizes.every((size, i) => size === other.levels.sizes[i]) &&
      levels.strides.every((stride, i) => stride === other.levels.strides[i]);
    const known = this.loads.find(same);
    if (known) return known;
    this.loads.push(slot);
    return slot;
  }

  /** Describes memory as the interpreter walks it: up to three row levels, then columns. */
  private memorySlot(view: View, target: Shape, kind?: number, perRow = false): Slot {
    const rowLike = perRow || kind === slotClass.memoryRow;
    const columnAxis = rowLike ? -1 : target.length - 1;
    // The program's columns are the last dimension, or a run of trailing ones (reductions, sums over leading axes).
    let columns = 1;
    let cut = target.length;
    if (columnAxis >= 0) while (cut > 0 && columns < this.columns) columns *= target[--cut]!;
    const rowDims = collapse(target.slice(0, cut), view.strides.slice(0, cut));
    const columnDims = collapse(target.slice(cut), view.strides.slice(cut));
    const fits = rowDims.sizes.length <= 3 && columnDims.sizes.length <= 1 && (columnDims.strides[0]![0] ?? 0) <= 1;
    if (!fits) {
      const copy = contiguousView(
        this.builder.newBuffer(elementCount(target) * bytesOf(view.dtype)),
        view.dtype,
        target,
      );
      this.builder.copy({ ...view, shape: target }, copy, this.unit.nodes);
      return this.memorySlot(copy, target, kind, perRow);
    }
    const columnStride = columnDims.sizes.length === 0 ? 0 : columnDims.strides[0]![0]!;
    const sizes = [...rowDims.sizes];
    const strides = [...rowDims.strides[0]!];
    while (sizes.length < 3) {
      sizes.unshift(1);
      strides.unshift(0);
    }
    const varies = strides.some((stride, i) => stride !== 0 && sizes[i]! > 1);
    const span = spanBytes({ ...view, shape: target });
    const chosen =
      kind ??
      (columnStride === 0
        ? varies
          ? slotClass.memoryRow
          : slotClass.memoryScalar
        : varies || this.rows === 1
          ? slotClass.memoryFull
          : slotClass.memoryColumn);
    const fullColumn = chosen === slotClass.memoryFull && this.columns === 1 ? 1 : columnStride;
    return {
      class: chosen,
      dtype: memoryDtype[view.dtype],
      view,
      operand: -1,
      levels: { sizes, strides },
      columnStride: fullColumn,
      span,
    };
  }

  /** An output that was to overwrite a donated leaf goes elsewhere if this program would still read the old value. */
  private protectDonated(): void {
    this.steps.forEach((step, i) => {
      const { destination } = step;
      const buffer = destination.view?.buffer;
      if (!buffer || buffer.segment < segments.firstState) return;
      const readLate = this.steps.some((other, k) =>
        other.operands.some((slot) => {
          if (slot === destination || slot.view?.buffer !== buffer) return false;
          const inStep = slot.class === slotClass.memoryFull && isContiguous(slot.view) && slot.view.offset === 0;
          return k > i || !inStep || destination.class !== slotClass.memoryFull;
        }),
      );
      if (!readLate) return;
      const fresh = this.builder.newBuffer(buffer.bytes);
      const output = this.unit.nodes
        .map((node) => node.outputs[0]!)
        .find((t) => this.builder.storedAt(t) === destination.view);
      destination.view = { ...destination.view!, buffer: fresh };
      if (output) this.builder.store(output, destination.view);
    });
  }

  /** Lets an output take the memory of an input that nobody needs afterwards: less memory, warmer caches. */
  private reuseDyingInputs(): void {
    const lastRead = new Map<Buffer, number>();
    const sole = new Map<Buffer, Slot | null>();
    this.steps.forEach((step, i) => {
      for (const slot of step.operands) {
        if (!slot.view) continue;
        const { buffer } = slot.view;
        lastRead.set(buffer, i);
        sole.set(buffer, sole.has(buffer) && sole.get(buffer) !== slot ? null : slot);
      }
    });
    const taken = new Set<Buffer>();
    this.steps.forEach((step, i) => {
      const { destination } = step;
      if (destination.class !== slotClass.memoryFull || !destination.view || !isContiguous(destination.view)) return;
      const { buffer } = destination.view;
      // Only a fresh arena buffer that this program alone writes may be given up.
      if (buffer.segment !== 0 || buffer.last >= 0 || buffer.shared) return;
      for (const [donor, slot] of sole) {
        const usable =
          slot?.view &&
          slot.class === slotClass.memoryFull &&
          donor.segment === 0 &&
          !donor.shared &&
          !taken.has(donor) &&
          donor.bytes === buffer.bytes &&
          isContiguous(slot.view) &&
          slot.view.offset === 0 &&
          slot.dtype === destination.dtype &&
          lastRead.get(donor)! <= i &&
          this.context.dies(donor);
        if (!usable) continue;
        taken.add(donor);
        this.redirect(buffer, donor);
        return;
      }
    });
  }

  /** Moves an output from its fresh buffer into another one. */
  private redirect(from: Buffer, to: Buffer): void {
    for (const node of this.unit.nodes) {
      const view = this.builder.storedAt(node.outputs[0]!);
      if (view?.buffer === from) this.builder.store(node.outputs[0]!, { ...view, buffer: to });
    }
    for (const step of this.steps) {
      for (const slot of [step.destination, ...step.operands]) {
        if (slot.view?.buffer === from) slot.view = { ...slot.view, buffer: to };
      }
    }
  }

  /** Elementwise over dense values only: rows do not matter. */
  private isFlat(): boolean {
    return (
      this.steps.every((step) =>
        [step.destination, ...step.operands].every(
          (slot) =>
            slot.class === slotClass.full ||
            slot.class === slotClass.memoryScalar ||
            (slot.class === slotClass.memoryFull && slot.view && isContiguous(slot.view)),
        ),
      ) && !this.unit.extent
    );
  }

  /** Registers are shared by values that do not live at the same time; returns all slots in use. */
  private assignRegisters(): Slot[] {
    const lastUse = new Map<Slot, number>();
    this.steps.forEach((step, i) => {
      for (const slot of [step.destination, ...step.operands]) lastUse.set(slot, i);
    });
    const slots: Slot[] = [];
    const free: Slot[] = [];
    const physical = new Map<Slot, Slot>();
    const use = (slot: Slot): Slot => {
      if (slot.class > slotClass.row) {
        if (!slots.includes(slot)) slots.push(slot);
        return slot;
      }
      const known = physical.get(slot);
      if (known) return known;
      const at = free.findIndex((other) => other.class === slot.class && other.dtype === slot.dtype);
      const own = at >= 0 ? free.splice(at, 1)[0]! : slot;
      if (at < 0) slots.push(own);
      physical.set(slot, own);
      return own;
    };
    this.steps.forEach((step, i) => {
      const { operands, destination } = step;
      step.operands = operands.map(use);
      for (const slot of new Set(operands)) {
        if (slot.class <= slotClass.row && lastUse.get(slot) === i && slot !== destination)
          free.push(physical.get(slot)!);
      }
      step.destination = use(destination);
    });
    return slots;
  }

  private encodeSlot(slot: Slot, flat: boolean): number[] {
    const { sizes, strides } = slot.levels;
    if (flat && slot.class === slotClass.memoryFull) {
      return [slot.class, slot.dtype, slot.operand, 1, 1, 1, 0, 0, this.rows * this.columns, 1, slot.span];
    }
    return [slot.class, slot.dtype, slot.operand, ...sizes, ...strides, slot.columnStride, slot.span];
  }
}

const contiguousLike = (builder: Builder, tensor: Tensor, shape: Shape): View => {
  const view = builder.contiguous(tensor);
  return reshapeView(view, shape)!;
};
