import type { Node } from '../../tensor/graph.js';
import type { Unit } from '../passes/fuse.js';
import type { Program } from '../program.js';
import type { Builder } from './builder.js';
import { dtypeCodes, type Instruction, placeOf } from './instruction.js';

/** Opens and closes conditional blocks around the units that belong to them. */
export class Blocks {
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
