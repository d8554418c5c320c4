import type { Tensor } from '../../tensor/graph.js';
import { tensorBytes } from '../../tensor/types.js';
import type { Unit } from '../passes/fuse.js';
import { sourceOf, sourceOfReshapes } from '../passes/views.js';
import type { Program } from '../program.js';
import { type Builder, segments } from './builder.js';
import type { Flow } from './flow.js';
import type { LowerOptions } from './lower.js';
import { align } from './memory.js';
import { type Buffer, contiguousView, isContiguous, type View } from './storage.js';

/** Where an array lies in the input or output segment. */
export interface Slot {
  readonly offset: number;
  readonly bytes: number;
}

/** Where inputs lie: leaves of states in their memory, arrays in the input segment. */
export const placeInputs = (program: Program, builder: Builder, options: LowerOptions) => {
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
export const placeOutputs = (
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
    const value = sourceOfReshapes(tensor);
    const unit = flow.unitOf.get(value.node);
    const free = unit !== undefined && !builder.placementOf(value) && units[unit]!.block === 0;
    // The skipped values of a conditional block are copied before its body runs, which may read the leaf or end the run.
    const isMerge = value.node.op.name === 'merge';
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
        builder.place(value, contiguousView(leafOf.get(key)!, value.dtype, value.shape));
      }
      return;
    }
    const bytes = tensorBytes(tensor);
    outputSlots.set(i, { offset: outputBytes, bytes });
    const buffer = builder.fixedBuffer(segments.outputs, outputBytes, bytes);
    if (free) builder.place(value, contiguousView(buffer, value.dtype, value.shape));
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

/** Copies the outputs that could not be computed in place. All old values are read before any donated leaf is written. */
export const finishOutputs = (
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
