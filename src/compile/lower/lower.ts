import type { Node, Tensor } from '../../tensor/graph.js';
import { elementCount, rowMajorStrides, tensorBytes } from '../../tensor/types.js';
import { formUnits, type Unit } from '../passes/fuse.js';
import { resolveOperand } from '../passes/space.js';
import { isView, sourceOf } from '../passes/views.js';
import type { Program, StateLayout } from '../program.js';
import { attachTo } from './attach.js';
import { Builder, segments, type Target } from './builder.js';
import { dtypeCodes, type Instruction, placeOf } from './instruction.js';
import { kernelLowerings, partOf, requireKernel } from './kernels.js';
import { align, planMemory } from './memory.js';
import { lowerRowProgram, type UnitContext } from './row-program.js';
import { type Buffer, collapse, contiguousView, isContiguous, reshapeView, type View } from './storage.js';

export interface LowerOptions {
  readonly target: Target;
  /** Layouts of the states that are bound, in order of their segments. */
  readonly states: readonly { readonly argument: number; readonly layout: StateLayout }[];
  /** Cluster elementwise ops and attach them to products. Off: one call per node, the same bits. */
  readonly fuse: boolean;
  /** Let values share memory when they are not alive together. */
  readonly reuse: boolean;
}

/** Where an array lies in the input or output segment. */
export interface Slot {
  readonly offset: number;
  readonly bytes: number;
}

/** A program as kernel calls over planned memory. */
export interface Lowered {
  readonly instructions: readonly Instruction[];
  readonly arenaBytes: number;
  readonly constants: Uint8Array;
  /** Places of array inputs by their index in `program.inputs`, of returned outputs by that in `program.outputs`. */
  readonly inputSlots: ReadonlyMap<number, Slot>;
  readonly outputSlots: ReadonlyMap<number, Slot>;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly buffers: readonly Buffer[];
  /** Where a computed value lies. */
  readonly viewOf: (tensor: Tensor) => View | undefined;
}

/** Turns a program into kernel calls: units, places, instructions, memory plan. */
export const lower = (program: Program, options: LowerOptions): Lowered => {
  const builder = new Builder(options.target);
  const units = formUnits(
    program.graph.nodes.filter((node) => node.op.kind !== 'input' && node.op.kind !== 'constant'),
    options.fuse,
  );
  const flow = new Flow(program, units);
  const { leafOf, inputSlots, inputBytes } = placeInputs(program, builder, options);
  const { outputSlots, outputBytes } = placeOutputs(program, builder, flow, units, leafOf);
  placeConcats(builder, units, flow);

  const blocks = new Blocks(builder, program, units);
  units.forEach((unit, index) => {
    builder.unit = index;
    blocks.enter(unit);
    builder.block = unit.block;
    lowerUnit(builder, unit, flow.contextOf(index, builder), options.fuse);
  });
  finishOutputs(program, builder, leafOf, outputSlots);

  const arenaBytes = planMemory(builder.buffers, options.reuse);
  const constants = new Uint8Array(builder.constantBytes);
  for (const { place, bytes } of builder.constants) constants.set(bytes, place.offset);
  const { instructions, buffers } = builder;
  const viewOf = (tensor: Tensor): View | undefined => builder.storedAt(tensor);
  return { instructions, arenaBytes, constants, inputSlots, outputSlots, inputBytes, outputBytes, buffers, viewOf };
};

/** Who reads what, and until when. */
class Flow {
  readonly unitOf = new Map<Node, number>();
  /** Last unit that reads a value; Infinity where the caller gets it. */
  readonly lastRead = new Map<Tensor, number>();
  readonly lastGuard: number;
  private readonly escaping = new Set<Tensor>();

  constructor(program: Program, units: readonly Unit[]) {
    units.forEach((unit, index) => {
      for (const node of unit.nodes) this.unitOf.set(node, index);
    });
    const read = (tensor: Tensor, unit: number): void => {
      const source = sourceOf(tensor);
      this.lastRead.set(source, Math.max(this.lastRead.get(source) ?? -1, unit));
      const inside = this.unitOf.get(source.node) === unit && !isView(resolveOperand(tensor).base.node);
      if (!inside) this.escaping.add(source);
    };
    units.forEach((unit, index) => {
      for (const node of unit.nodes) for (const input of node.inputs) read(input, index);
      if (unit.extent) read(unit.extent, index);
      // What a conditional block may skip over is read when the block is entered.
    });
    for (const output of program.outputs) read(output.tensor, Number.POSITIVE_INFINITY);
    this.lastGuard = units.reduce((last, unit, i) => (unit.nodes[0]!.op.name === 'guard' ? i : last), -1);
  }

  contextOf(index: number, builder: Builder): UnitContext {
    return {
      escapes: (tensor) => this.escaping.has(tensor),
      dies: (buffer) => {
        const copied = builder.copiedValue(buffer);
        if (copied && (this.lastRead.get(copied) ?? -1) > index) return false;
        for (const [tensor, last] of this.lastRead) {
          if (last > index && builder.storedAt(tensor)?.buffer === buffer) return false;
        }
        return true;
      },
    };
  }
}

const placeInputs = (program: Program, builder: Builder, options: LowerOptions) => {
  const leafOf = new Map<string, Buffer>();
  options.states.forEach(({ argument, layout }, i) => {
    for (const [path, { type, offset }] of layout.leaves) {
      leafOf.set(`${argument}:${path}`, builder.fixedBuffer(segments.firstState + i, offset, tensorBytes(type)));
    }
  });
  const inputSlots = new Map<number, Slot>();
  let inputBytes = 0;
  program.inputs.forEach((input, i) => {
    const { tensor } = input;
    let buffer: Buffer;
    if (input.kind === 'state') {
      buffer = leafOf.get(`${input.argument}:${input.path}`)!;
    } else {
      buffer = builder.fixedBuffer(segments.inputs, inputBytes, tensorBytes(tensor));
      inputSlots.set(i, { offset: inputBytes, bytes: buffer.bytes });
      inputBytes += align(buffer.bytes);
    }
    builder.store(tensor, contiguousView(buffer, tensor.dtype, tensor.shape));
  });
  return { leafOf, inputSlots, inputBytes };
};

/** Gives outputs places of their own: donated leaves where nothing reads the old value any more, else the output segment. */
const placeOutputs = (
  program: Program,
  builder: Builder,
  flow: Flow,
  units: readonly Unit[],
  leafOf: ReadonlyMap<string, Buffer>,
) => {
  const outputSlots = new Map<number, Slot>();
  let outputBytes = 0;
  const oldLeaf = new Map<string, Tensor>();
  for (const input of program.inputs) {
    if (input.kind === 'state') oldLeaf.set(`${input.argument}:${input.path}`, input.tensor);
  }
  program.outputs.forEach((output, i) => {
    const { tensor } = output;
    const unit = flow.unitOf.get(tensor.node);
    const free = unit !== undefined && !builder.placementOf(tensor) && units[unit]!.block === 0;
    // The skipped values of a conditional block are copied before its body runs, which may read the leaf or end the run.
    const isMerge = tensor.node.op.name === 'merge';
    if (output.donated) {
      if (isMerge) return;
      const key = `${output.donated.argument}:${output.donated.path}`;
      const old = oldLeaf.get(key);
      const oldRead = old ? (flow.lastRead.get(old) ?? -1) : -1;
      if (
        free &&
        unit > flow.lastGuard &&
        (oldRead < unit || (oldRead === unit && writesBehindReads(units[unit]!, old!)))
      ) {
        builder.place(tensor, contiguousView(leafOf.get(key)!, tensor.dtype, tensor.shape));
      }
      return;
    }
    const bytes = tensorBytes(tensor);
    outputSlots.set(i, { offset: outputBytes, bytes });
    const buffer = builder.fixedBuffer(segments.outputs, outputBytes, bytes);
    if (free) builder.place(tensor, contiguousView(buffer, tensor.dtype, tensor.shape));
    outputBytes += align(bytes);
  });
  return { outputSlots, outputBytes };
};

/**
 * Whether a unit that reads the old value of a leaf may write the new one over it: row programs look after themselves,
 * and `updateRows` changes the rows in place. Other kernels would read what they have just written.
 */
const writesBehindReads = ({ nodes: [node], space }: Unit, old: Tensor): boolean => {
  if (space) return true;
  const [cache, ...others] = node!.inputs.map(sourceOf);
  return node!.op.name === 'updateRows' && cache === old && !others.includes(old);
};

/** Parts of a concat are written where they end up, if their kernel writes them once and takes strides. */
const placeConcats = (builder: Builder, units: readonly Unit[], flow: Flow): void => {
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
  return ['matmul', 'attention', 'attentionGradient', 'rotary', 'concat'].includes(node.op.name);
};

const lowerUnit = (builder: Builder, unit: Unit, context: UnitContext, attach: boolean): void => {
  const [node] = unit.nodes;
  if (unit.nodes.some((other) => other.outputs.some((output) => elementCount(output.shape) === 0))) {
    for (const output of unit.nodes.flatMap((other) => other.outputs)) builder.output(output);
    return;
  }
  if (unit.space) {
    const before = builder.instructions.length;
    const product = builder.instructions.at(-1);
    const instruction = lowerRowProgram(builder, unit, context);
    if (attach && product?.kernel === 'gemm' && builder.instructions.length === before + 1) {
      attachTo(product, instruction, unit, builder);
    }
    return;
  }
  if (node!.op.name === 'merge') return;
  const lowering = kernelLowerings[node!.op.name];
  if (!lowering) throw new Error(`no kernel for ${node!.op.name}`);
  requireKernel(node!);
  lowering(builder, node!);
};

/** Opens and closes conditional blocks around the units that belong to them. */
class Blocks {
  private readonly merges = new Map<number, Node>();
  private readonly open: { block: number; jump: Instruction }[] = [];

  constructor(
    private readonly builder: Builder,
    private readonly program: Program,
    units: readonly Unit[],
  ) {
    for (const unit of units) {
      const [node] = unit.nodes;
      if (node!.op.name === 'merge') this.merges.set(node!.attributes.block as number, node!);
    }
  }

  enter(unit: Unit): void {
    const path = this.pathTo(unit.block);
    const [node] = unit.nodes;
    for (const block of path) if (!this.open.some((other) => other.block === block)) this.begin(block);
    if (node!.op.name === 'merge') this.end(node!);
  }

  private pathTo(block: number): number[] {
    const path: number[] = [];
    for (let at = block; at !== 0; at = this.program.graph.blockParents[at]!) path.unshift(at);
    return path;
  }

  private begin(block: number): void {
    const merge = this.merges.get(block);
    if (!merge) return;
    const { builder } = this;
    builder.block = this.program.graph.blockParents[block]!;
    merge.outputs.forEach((output, i) => {
      const out = builder.output(output);
      builder.copy(builder.view(merge.inputs[1 + i]!), out, [merge]);
    });
    const condition = builder.contiguous(merge.inputs[0]!);
    const jump = builder.emit('skipIf', [placeOf(condition)], [dtypeCodes[condition.dtype], -1], [merge]);
    this.open.push({ block, jump });
  }

  private end(merge: Node): void {
    const { builder } = this;
    const block = merge.attributes.block as number;
    if (!this.open.some((other) => other.block === block)) this.begin(block);
    const { jump } = this.open.splice(
      this.open.findIndex((other) => other.block === block),
      1,
    )[0]!;
    builder.block = block;
    merge.outputs.forEach((output, i) => {
      const body = builder.view(merge.inputs[1 + merge.outputs.length + i]!);
      builder.copy(body, builder.storedAt(output)!, [merge]);
      // The skipped copy was made before the jump and must live until here.
      builder.keepAlive(builder.storedAt(output)!.buffer);
    });
    jump.target = builder.instructions.length;
    builder.block = this.program.graph.blockParents[block]!;
  }
}

/** Copies the outputs that could not be computed in place. All old values are read before any donated leaf is written. */
const finishOutputs = (
  program: Program,
  builder: Builder,
  leafOf: ReadonlyMap<string, Buffer>,
  outputSlots: ReadonlyMap<number, Slot>,
): void => {
  builder.block = 0;
  const donatedCopies: { from: View; to: View }[] = [];
  program.outputs.forEach((output, i) => {
    const { tensor } = output;
    const target = output.donated
      ? leafOf.get(`${output.donated.argument}:${output.donated.path}`)!
      : builder.fixedBuffer(segments.outputs, outputSlots.get(i)!.offset, outputSlots.get(i)!.bytes);
    const to = contiguousView(target, tensor.dtype, tensor.shape);
    const from = builder.view(tensor);
    const there =
      from.buffer.segment === target.segment &&
      from.buffer.offset === target.offset &&
      isContiguous(from) &&
      from.offset === 0;
    if (there && target.segment !== segments.arena) return;
    if (output.donated) donatedCopies.push({ from, to });
    else builder.copy(from, to, [tensor.node]);
  });
  const staged = donatedCopies.map((copy) => {
    if (copy.from.buffer.segment < segments.firstState) return copy;
    const between = builder.newContiguous(copy.from.dtype, copy.from.shape);
    builder.copy(copy.from, between, []);
    return { from: between, to: copy.to };
  });
  for (const { from, to } of staged) builder.copy(from, to, []);
};
