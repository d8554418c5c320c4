import type { Tensor } from '../../tensor/graph.js';
import type { Unit } from '../passes/fuse.js';
import { type Builder, segments } from './builder.js';
import { type Slot, type Step, slotClass } from './slots.js';
import { type Buffer, isContiguous } from './storage.js';

/** What the surrounding program says of a unit's values. */
export interface UnitContext {
  /** Values that something outside of the unit reads. */
  readonly escapes: (tensor: Tensor) => boolean;
  /** Whether nothing reads the buffer after this unit. */
  readonly dies: (buffer: Buffer) => boolean;
}

/** An output that was to overwrite a donated leaf goes elsewhere if this program would still read the old value. */
export const protectDonated = (builder: Builder, unit: Unit, steps: readonly Step[]): void => {
  steps.forEach((step, i) => {
    const { destination } = step;
    const buffer = destination.view?.buffer;
    if (!buffer || buffer.segment < segments.firstState) return;
    const readLate = steps.some((other, k) =>
      other.operands.some((slot) => {
        if (slot === destination || slot.view?.buffer !== buffer) return false;
        const inStep = slot.class === slotClass.memoryFull && isContiguous(slot.view) && slot.view.offset === 0;
        return k > i || !inStep || destination.class !== slotClass.memoryFull;
      }),
    );
    if (!readLate) return;
    const fresh = builder.newBuffer(buffer.bytes);
    const output = unit.nodes.map((node) => node.outputs[0]!).find((t) => builder.storedAt(t) === destination.view);
    destination.view = { ...destination.view!, buffer: fresh };
    if (output) builder.store(output, destination.view);
  });
};

/** Lets an output take the memory of an input that nobody needs afterwards: less memory, warmer caches. */
export const reuseDyingInputs = (builder: Builder, unit: Unit, steps: readonly Step[], context: UnitContext): void => {
  const lastRead = new Map<Buffer, number>();
  const sole = new Map<Buffer, Slot | null>();
  steps.forEach((step, i) => {
    for (const slot of step.operands) {
      if (!slot.view) continue;
      const { buffer } = slot.view;
      lastRead.set(buffer, i);
      sole.set(buffer, sole.has(buffer) && sole.get(buffer) !== slot ? null : slot);
    }
  });
  const taken = new Set<Buffer>();
  steps.forEach((step, i) => {
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
        context.dies(donor);
      if (!usable) continue;
      taken.add(donor);
      redirect(builder, unit, steps, buffer, donor);
      return;
    }
  });
};

/** Moves an output from its fresh buffer into another one. */
const redirect = (builder: Builder, unit: Unit, steps: readonly Step[], from: Buffer, to: Buffer): void => {
  for (const node of unit.nodes) {
    const view = builder.storedAt(node.outputs[0]!);
    if (view?.buffer === from) builder.store(node.outputs[0]!, { ...view, buffer: to });
  }
  for (const step of steps) {
    for (const slot of [step.destination, ...step.operands]) {
      if (slot.view?.buffer === from) slot.view = { ...slot.view, buffer: to };
    }
  }
};
