import { type Slot, type Step, slotClass } from './slots.js';

/** Registers are shared by values that do not live at the same time; returns all slots in use. */
export const assignRegisters = (steps: readonly Step[]): Slot[] => {
  const lastUse = new Map<Slot, number>();
  steps.forEach((step, i) => {
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
  steps.forEach((step, i) => {
    const { operands, destination } = step;
    step.operands = operands.map(use);
    for (const slot of new Set(operands)) {
      if (slot.class <= slotClass.row && lastUse.get(slot) === i && slot !== destination)
        free.push(physical.get(slot)!);
    }
    step.destination = use(destination);
  });
  return slots;
};
