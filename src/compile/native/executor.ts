import { NonetError } from '../../core/errors.js';
import { maxThreads, requireThreads } from '../../core/threads.js';
import { elementCount } from '../../tensor/types.js';
import type {
  Executable,
  Executor,
  PlannedCall,
  PrepareOptions,
  ProgramPlan,
  RunRequest,
  RunResult,
  StateMemory,
} from '../executor.js';
import { HostArray, newData, type TypedArray } from '../host-array.js';
import { dtypeCodes, type Instruction, placeOf } from '../lower/instruction.js';
import { type Lowered, lower } from '../lower/lower.js';
import { align, aliveBytes } from '../lower/memory.js';
import { type Buffer, isContiguous } from '../lower/storage.js';
import { simplify } from '../passes/simplify.js';
import type { Program, StateLayout } from '../program.js';
import type { NativeAddon, NativeBuffer, NativeProgram } from './addon.js';
import { encodeProgram, type SegmentSpec, withPoison } from './encode.js';

class NativeState implements StateMemory {
  constructor(
    private readonly addon: NativeAddon,
    readonly buffer: NativeBuffer,
    readonly bytes: number,
  ) {}

  read(offset: number, into: TypedArray): void {
    this.addon.read(this.buffer, offset, into);
  }

  write(offset: number, from: TypedArray): void {
    this.addon.write(this.buffer, offset, from);
  }

  free(): void {
    this.addon.free(this.buffer);
  }
}

/** Threads of native calls: `NONET_THREADS`, or all cores. */
export const threadCount = (addon: NativeAddon): number => {
  const asked = process.env.NONET_THREADS?.trim();
  if (!asked) return Math.min(maxThreads, addon.describe().threads);
  requireThreads(Number(asked), 'NONET_THREADS', asked);
  return Number(asked);
};

/** Runs programs in the native core, one call per step, off the main thread. */
export class NativeExecutor implements Executor {
  readonly name = 'native';
  readonly addon: NativeAddon;
  threads: number;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(addon: NativeAddon, threads = threadCount(addon)) {
    this.addon = addon;
    this.threads = threads;
  }

  /**
   * Does calls one after the other in the order in which they were made. Calls of one program share its arena, those of
   * several may share a state, and every call has all the threads anyway.
   */
  inOrder<R>(call: () => Promise<R>): Promise<R> {
    const result = this.queue.then(call);
    this.queue = result.catch(() => undefined);
    return result;
  }

  allocateState(layout: StateLayout): StateMemory {
    const bytes = Math.max(64, layout.bytes);
    return new NativeState(this.addon, this.addon.allocate(bytes), bytes);
  }

  prepare(program: Program, options: PrepareOptions): Executable {
    return new NativeExecutable(this, options.optimize ? simplify(program) : program, options);
  }
}

class NativeExecutable implements Executable {
  private readonly lowered: Lowered;
  private readonly native: NativeProgram;
  private readonly scratchBytes: number;
  private readonly instructions: readonly Instruction[];
  private arena: NativeBuffer | undefined;
  private constants: NativeBuffer | undefined;
  private planned: readonly PlannedCall[] | undefined;

  constructor(
    private readonly executor: NativeExecutor,
    private readonly program: Program,
    private readonly options: PrepareOptions,
  ) {
    const { addon } = executor;
    const target = { packedBytes: addon.packedBytes, sumTasks: addon.sumTasks };
    const poison = process.env.NONET_POISON === '1';
    this.lowered = lower(program, { target, states: options.states, fuse: options.optimize, reuse: options.reuse });
    const { instructions, buffers } = this.lowered;
    this.instructions = poison ? withPoison(instructions, buffers) : instructions;
    this.native = this.load(this.instructions);
    this.scratchBytes = addon.programInfo(this.native).scratchBytes;
  }

  get plan(): ProgramPlan {
    const { arenaBytes, constants, inputBytes, outputBytes } = this.lowered;
    const sizes = this.segmentSizes(1);
    const scratchBytes = this.scratchBytes * this.executor.threads;
    const stateBytes = this.options.states.reduce((sum, { layout }) => sum + Math.max(64, layout.bytes), 0);
    return {
      peakBytes: sizes.reduce((sum, bytes) => sum + bytes, 0) + stateBytes + scratchBytes,
      arenaBytes,
      stateBytes,
      constantBytes: constants.length,
      inputBytes,
      outputBytes,
      scratchBytes,
      calls: this.calls,
    };
  }

  private get calls(): readonly PlannedCall[] {
    this.planned ??= plannedCalls(this.instructions, this.lowered.buffers);
    return this.planned;
  }

  run(request: RunRequest): Promise<RunResult> {
    return this.executor.inOrder(() => this.runNow(request));
  }

  private async runNow({ states, arrays, repeat, checkFinite, profile }: RunRequest): Promise<RunResult> {
    const { addon, threads } = this.executor;
    const [arenaBytes, constantBytes, inputBytes, outputBytes] = this.segmentSizes(repeat);
    this.arena ??= addon.allocate(arenaBytes);
    if (!this.constants) {
      this.constants = addon.allocate(constantBytes);
      if (this.lowered.constants.length > 0) addon.write(this.constants, 0, this.lowered.constants);
    }
    const inputs = addon.allocate(inputBytes);
    const outputs = addon.allocate(outputBytes);
    try {
      this.writeInputs(inputs, arrays, repeat);
      const buffers = [
        this.arena,
        this.constants,
        inputs,
        outputs,
        ...states.map((state) => (state as NativeState).buffer),
      ];
      const program = checkFinite ? this.load(withChecks(this.lowered)) : this.native;
      const result = await addon.run(program, buffers, repeat, threads, profile);
      if (result.status === 'notFinite') {
        const node = this.lowered.instructions[result.id]?.nodes.at(-1);
        return {
          status: 'notFinite',
          op: node?.op.name ?? '?',
          scope: node?.scope ?? '',
          repetition: result.iteration,
        };
      }
      const returned = this.readOutputs(outputs, repeat);
      if (result.status === 'guard') {
        const guard = this.program.graph.nodes[result.id];
        return {
          status: 'guard',
          code: guard?.attributes.code as string,
          repetition: result.iteration,
          outputs: returned,
        };
      }
      if (result.status !== 'done') throw new NonetError('E_PROGRAM', `the native core stopped: ${result.status}`);
      return { status: 'done', outputs: returned, ...(result.profile && { seconds: result.profile }) };
    } finally {
      addon.free(inputs);
      addon.free(outputs);
    }
  }

  private load(instructions: readonly Instruction[]): NativeProgram {
    const { arenaBytes, constants, inputBytes, outputBytes } = this.lowered;
    const segments: SegmentSpec[] = [
      { kind: 'arena', bytes: Math.max(64, arenaBytes), stride: 0 },
      { kind: 'constant', bytes: Math.max(64, constants.length), stride: 0 },
      { kind: 'input', bytes: Math.max(64, inputBytes), stride: Math.max(64, inputBytes) },
      { kind: 'output', bytes: Math.max(64, outputBytes), stride: Math.max(64, outputBytes) },
      ...this.options.states.map(
        ({ layout }): SegmentSpec => ({ kind: 'state', bytes: Math.max(64, layout.bytes), stride: 0 }),
      ),
    ];
    return this.executor.addon.load(encodeProgram(segments, instructions));
  }

  /** Bytes of arena, constants, inputs and outputs for a number of repetitions. */
  private segmentSizes(repeat: number): [number, number, number, number] {
    const { arenaBytes, constants, inputBytes, outputBytes } = this.lowered;
    const least = (bytes: number): number => Math.max(64, bytes);
    return [least(arenaBytes), least(constants.length), least(inputBytes) * repeat, least(outputBytes) * repeat];
  }

  private writeInputs(buffer: NativeBuffer, arrays: readonly (HostArray | undefined)[], repeat: number): void {
    const stride = Math.max(64, this.lowered.inputBytes);
    for (const [index, { offset }] of this.lowered.inputSlots) {
      const { data } = arrays[index]!;
      const count = data.length / repeat;
      for (let i = 0; i < repeat; i++) {
        const part = repeat === 1 ? data : data.subarray(i * count, (i + 1) * count);
        if (part.length > 0) this.executor.addon.write(buffer, i * stride + offset, part);
      }
    }
  }

  private readOutputs(buffer: NativeBuffer, repeat: number): HostArray[] {
    const stride = Math.max(64, align(this.lowered.outputBytes));
    return [...this.lowered.outputSlots].map(([index, { offset }]) => {
      const { tensor } = this.program.outputs[index]!;
      const count = elementCount(tensor.shape);
      const data = newData(tensor.dtype, count * repeat);
      for (let i = 0; i < repeat; i++) {
        const part = data.subarray(i * count, (i + 1) * count);
        if (count > 0) this.executor.addon.read(buffer, i * stride + offset, part);
      }
      return new HostArray(data, repeat === 1 ? tensor.shape : [repeat, ...tensor.shape], tensor.dtype);
    });
  }
}

const plannedCalls = (instructions: readonly Instruction[], buffers: readonly Buffer[]): PlannedCall[] => {
  // What a check has put between calls takes no time in the memory plan.
  const times = instructions.filter(({ kernel }) => kernel !== 'poison').length;
  const alive = aliveBytes(buffers, times);
  let time = -1;
  return instructions.map((instruction, i) => {
    if (instruction.kernel !== 'poison') time++;
    return { ...plannedCall(instruction, instructions[i - 1]), aliveBytes: alive[Math.max(0, time)]! };
  });
};

const plannedCall = (
  { kernel, nodes, operands }: Instruction,
  before: Instruction | undefined,
): Omit<PlannedCall, 'aliveBytes'> => {
  const buffers = new Set(operands.flatMap((operand) => (operand ? [operand.buffer] : [])));
  const packs = kernel === 'packWeights';
  return {
    kernel,
    ops: nodes.map((node) => node.op.name),
    scope: nodes[0]?.scope ?? '',
    shape: (packs ? nodes[0]?.inputs[1] : nodes.at(-1)?.outputs[0])?.shape ?? [],
    flops: packs
      ? 0
      : nodes.reduce((sum, node) => sum + (node.op.cost?.(node.inputs, node.outputs, node.attributes).flops ?? 0), 0),
    bytes: [...buffers].reduce((sum, buffer) => sum + buffer.bytes, 0),
    attached: before?.kernel === 'gemm' && before.parameters.at(-1) === 1,
  };
};

/** Looks at every float result right after the call that made it. Attached calls are taken apart, which changes no bit. */
const withChecks = ({ instructions, viewOf }: Lowered): Instruction[] => {
  const result: Instruction[] = [];
  const moved = new Map<number, number>();
  instructions.forEach((instruction, i) => {
    moved.set(i, result.length);
    const apart = (parameters: Instruction['parameters']) => [...parameters.slice(0, -1), 0];
    const plain =
      instruction.kernel === 'gemm' ? { ...instruction, parameters: apart(instruction.parameters) } : instruction;
    result.push(plain);
    for (const tensor of instruction.results ?? []) {
      const view = viewOf(tensor);
      if (!view || !isContiguous(view) || (view.dtype !== 'f32' && view.dtype !== 'f64')) continue;
      const parameters = [dtypeCodes[view.dtype], elementCount(view.shape), i];
      result.push({ kernel: 'checkFinite', operands: [placeOf(view)], parameters, nodes: [] });
    }
  });
  moved.set(instructions.length, result.length);
  return result.map((instruction) =>
    instruction.target === undefined ? instruction : { ...instruction, target: moved.get(instruction.target)! },
  );
};
