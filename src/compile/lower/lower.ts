import type { Tensor } from '../../tensor/graph.js';
import { elementCount } from '../../tensor/types.js';
import { formUnits, type Unit } from '../passes/fuse.js';
import type { Program, StateLayout } from '../program.js';
import { attachTo } from './attach.js';
import { Blocks } from './blocks.js';
import { Builder, type Target } from './builder.js';
import { placeConcats } from './concat.js';
import { Flow } from './flow.js';
import type { UnitContext } from './in-place.js';
import type { Instruction } from './instruction.js';
import { finishOutputs, placeInputs, placeOutputs, type Slot } from './interface.js';
import { kernelLowerings, requireKernel } from './kernels.js';
import { planMemory } from './memory.js';
import { lowerRowProgram } from './row-program.js';
import type { Buffer, View } from './storage.js';

export interface LowerOptions {
  readonly target: Target;
  /** Layouts of the states that are bound, in order of their segments. */
  readonly states: readonly { readonly argument: number; readonly layout: StateLayout }[];
  /** Cluster elementwise ops and attach them to products. Off: one call per node, the same bits. */
  readonly fuse: boolean;
  /** Let values share memory when they are not alive together. */
  readonly reuse: boolean;
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
  if (!lowering) throw new Error(`${node!.op.name} has no lowering in lower/kernels.ts`);
  requireKernel(node!);
  lowering(builder, node!);
};
