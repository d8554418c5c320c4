import { NonetError } from '../../core/errors.js';
import type { Node, Tensor } from '../../tensor/graph.js';
import { bytesOf, type DType, type Shape, tensorBytes } from '../../tensor/types.js';
import type { Unit } from '../passes/fuse.js';
import { leadingSize, type Mode, naturalSpace, resolveOperand, type Space } from '../passes/space.js';
import { isView } from '../passes/views.js';
import type { Builder } from './builder.js';
import { protectDonated, reuseDyingInputs, type UnitContext } from './in-place.js';
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
import { assignRegisters } from './registers.js';
import {
  encodeSlot,
  isFlat,
  type MemoryRequest,
  memoryDtype,
  memorySlot,
  newRegister,
  registerDtype,
  type Slot,
  type Step,
  slotClass,
} from './slots.js';
import { broadcastStrides, isContiguous, reshapeView, type View } from './storage.js';

/** Lowers a unit of elementwise ops and reductions to one row program. */
export const lowerRowProgram = (builder: Builder, unit: Unit, context: UnitContext): Instruction =>
  new RowProgram(builder, unit, context).emit();

class RowProgram {
  private readonly space: Space;
  private readonly steps: Step[] = [];
  private readonly values = new Map<Tensor, Slot>();
  private readonly loads: Slot[] = [];
  private readonly consumers = new Map<Tensor, Node[]>();

  constructor(
    private readonly builder: Builder,
    private readonly unit: Unit,
    private readonly context: UnitContext,
  ) {
    this.space = unit.space!;
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
    protectDonated(this.builder, this.unit, this.steps);
    reuseDyingInputs(this.builder, this.unit, this.steps, this.context);
    const flat = !this.unit.extent && isFlat(this.steps);
    const slots = assignRegisters(this.steps);
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
      flat ? 1 : this.space.rows,
      flat ? this.space.rows * this.space.columns : this.space.columns,
      flat ? 1 : 0,
      0,
      extent ? this.rowsPerBound() : 0,
      slots.length,
      this.steps.length,
    ];
    for (const slot of slots) parameters.push(...encodeSlot(slot, this.space, flat));
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
    const rows = this.space.rows / leadingSize(first!)!;
    if (Number.isInteger(rows)) return rows;
    const { name } = first!.op;
    throw new NonetError('E_SHAPE', `${name}: under an extent only sum() of floats can reduce the leading dimension`, {
      op: name,
    });
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
      if (opcode === undefined) throw new Error(`${name} has no opcode in lower/opcodes.ts`);
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
      const row = newRegister(slotClass.row, registerDtype(output.dtype));
      this.steps.push({ opcode: dot ? rowDot : rowSum, destination: row, operands: read, x: 0, y: 0 });
      this.sumRows(output, columnSum, [row], 1);
      return;
    }
    const perColumn = mode === 'sumRows';
    this.sumRows(
      output,
      dot ? columnDot : columnSum,
      perColumn ? this.widerFirst(read, output.dtype) : read,
      perColumn ? this.space.columns : 1,
    );
  }

  /** Operands of a sum per column: the interpreter takes the first one's class, and one value per row would be one column. */
  private widerFirst(operands: Slot[], dtype: DType): Slot[] {
    const isRow = ({ class: kind }: Slot): boolean => kind === slotClass.row || kind === slotClass.memoryRow;
    const [first, ...others] = [...operands].sort((a, b) => Number(isRow(a)) - Number(isRow(b)));
    if (!isRow(first!) || this.space.columns === 1) return [first!, ...others];
    const full = newRegister(slotClass.full, registerDtype(dtype));
    this.steps.push({ opcode: convert, destination: full, operands: [first!], x: 0, y: 0 });
    return [full, ...others];
  }

  private sumRows(output: Tensor, opcode: number, operands: Slot[], columns: number): void {
    const view = this.builder.output(output);
    const tasks = this.builder.target.sumTasks(this.space.rows, columns);
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
    if (opcode === convert && !direct) {
      this.defineNarrow(output, operands[0]!, kind);
      return;
    }
    if (!this.context.escapes(output)) {
      const register = newRegister(kind, registerDtype(output.dtype));
      this.steps.push({ opcode, destination: register, operands, x, y: 0 });
      this.values.set(output, register);
      return;
    }
    const view = this.builder.output(output, { strided: kind === slotClass.full });
    const chosen = kind === slotClass.full ? slotClass.memoryFull : slotClass.memoryRow;
    const memory = this.memorySlot({ view, target: output.shape, kind: chosen });
    const usedInside = (this.consumers.get(output)?.length ?? 0) > 0;
    if (direct && (isContiguous(view) || !usedInside)) {
      this.steps.push({ opcode, destination: memory, operands, x, y: 0 });
      this.values.set(output, memory);
      return;
    }
    const register = newRegister(kind, registerDtype(output.dtype));
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
    const memory = this.memorySlot({
      view,
      target: output.shape,
      kind: isFull ? slotClass.memoryFull : slotClass.memoryRow,
    });
    const low = output.dtype === 'u8' && operand.dtype === memoryDtype.i32 ? this.lowByte(operand, kind) : operand;
    this.steps.push({ opcode: convert, destination: memory, operands: [low], x: 0, y: 0 });
    this.values.set(output, memory);
  }

  /** Integers keep their low eight bits. */
  private lowByte(operand: Slot, kind: 0 | 1): Slot {
    const [mask, low] = [newRegister(kind, memoryDtype.i32), newRegister(kind, memoryDtype.i32)];
    this.steps.push({ opcode: constantOpcode, destination: mask, operands: [], x: 0xff, y: 0 });
    this.steps.push({ opcode: opcodes.bitAnd!, destination: low, operands: [operand, mask], x: 0, y: 0 });
    return low;
  }

  private readReduced(input: Tensor, node: Node, mode: Mode): Slot {
    const { base } = resolveOperand(input);
    const inside = this.values.get(base);
    if (inside) return inside;
    const { rows, columns } = naturalSpace(node)!;
    const perRow = mode === 'sumRowValues' && this.space.columns !== 1;
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

  private memorySlot(request: MemoryRequest): Slot {
    return memorySlot(this.builder, this.space, this.unit.nodes, request);
  }

  /** A memory operand: `base` seen as `shape` and broadcast to `target`. */
  private load(base: Tensor, shape: Shape, target: Shape, perRow: boolean): Slot {
    const own = reshapeView(this.builder.view(base), shape) ?? contiguousLike(this.builder, base, shape);
    return this.slotFor({ ...own, shape: target, strides: broadcastStrides(own.shape, own.strides, target) }, perRow);
  }

  /** The slot of a memory operand; the same place read in the same way is one slot. */
  private slotFor(view: View, perRow: boolean): Slot {
    const slot = this.memorySlot({ view, target: view.shape, perRow });
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
}

const contiguousLike = (builder: Builder, tensor: Tensor, shape: Shape): View => {
  const view = builder.contiguous(tensor);
  return reshapeView(view, shape)!;
};
