import type { Node, Tensor } from '../../tensor/graph.js';
import type { Unit } from '../passes/fuse.js';
import { resolveOperand } from '../passes/space.js';
import { isView, sourceOf } from '../passes/views.js';
import type { Program } from '../program.js';
import type { Builder } from './builder.js';
import type { UnitContext } from './in-place.js';

/** Who reads what, and until when. */
export class Flow {
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
        for (const tensor of builder.heldBy(buffer)) if ((this.lastRead.get(tensor) ?? -1) > index) return false;
        return true;
      },
    };
  }
}
