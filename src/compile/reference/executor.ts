import type { Tensor } from '../../tensor/graph.js';
import { elementCount, type ReferenceArray } from '../../tensor/types.js';
import type { Executable, Executor, PrepareOptions, RunRequest, RunResult, StateMemory } from '../executor.js';
import { HostArray, newData, type TypedArray } from '../host-array.js';
import { simplify } from '../passes/simplify.js';
import type { Program } from '../program.js';

/** A state in JavaScript memory: leaves as float64 by their offset. */
class ReferenceState implements StateMemory {
  readonly leaves = new Map<number, Float64Array>();
  constructor(readonly bytes: number) {}

  read(offset: number, into: TypedArray, dtype: string): void {
    const leaf = this.leaves.get(offset);
    if (!leaf) into.fill(0);
    else encodeInto(leaf, into, dtype);
  }

  write(offset: number, from: TypedArray, dtype: string): void {
    this.leaves.set(offset, decode(from, dtype));
  }

  free(): void {
    this.leaves.clear();
  }
}

const decode = (data: TypedArray, dtype: string): Float64Array => {
  if (dtype !== 'bf16') return Float64Array.from(data);
  const bits = Uint32Array.from(data, (half) => half << 16);
  return Float64Array.from(new Float32Array(bits.buffer));
};

const encodeInto = (values: Float64Array, into: TypedArray, dtype: string): void => {
  if (dtype !== 'bf16') {
    into.set(values);
    return;
  }
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  bits.forEach((b, i) => {
    into[i] = (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  });
};

/**
 * Plain TypeScript over float64: any graph, no native code. The oracle of the tests, and the fallback where there is no
 * native build. It keeps the same promises: guards before donated writes, extents as bounds, repetition.
 */
export class ReferenceExecutor implements Executor {
  readonly name = 'reference';

  allocateState(layout: { bytes: number }): StateMemory {
    return new ReferenceState(layout.bytes);
  }

  prepare(program: Program, options: PrepareOptions): Executable {
    const ready = options.optimize ? simplify(program) : program;
    const stateBytes = options.states.reduce((sum, { layout }) => sum + layout.bytes, 0);
    const plan = {
      peakBytes: 0,
      arenaBytes: 0,
      stateBytes,
      constantBytes: 0,
      inputBytes: 0,
      outputBytes: 0,
      scratchBytes: 0,
      calls: [],
    };
    return { plan, run: async (request) => runReference(ready, options, request) };
  }
}

const runReference = (program: Program, options: PrepareOptions, request: RunRequest): RunResult => {
  const returned = program.outputs.filter((output) => !output.donated);
  const stacked = returned.map(({ tensor }) => newData(tensor.dtype, elementCount(tensor.shape) * request.repeat));
  const finish = (): HostArray[] =>
    returned.map(({ tensor }, i) => {
      const shape = request.repeat > 1 ? [request.repeat, ...tensor.shape] : tensor.shape;
      return new HostArray(stacked[i]!, shape, tensor.dtype);
    });
  for (let repetition = 0; repetition < request.repeat; repetition++) {
    const values = bindInputs(program, options, request, repetition);
    const stop = evaluate(program, values, request.checkFinite ?? false);
    if (stop && 'op' in stop) return { status: 'notFinite', ...stop, repetition };
    if (stop) return { status: 'guard', code: stop.code, repetition, outputs: finish() };
    returned.forEach(({ tensor }, i) => {
      const count = elementCount(tensor.shape);
      const part = stacked[i]!.subarray(repetition * count, (repetition + 1) * count);
      encodeInto(values.get(tensor)!.data, part, tensor.dtype);
    });
    for (const { tensor, donated } of program.outputs) {
      if (!donated) continue;
      const at = options.states.findIndex((state) => state.argument === donated.argument);
      const { offset } = options.states[at]!.layout.leaves.get(donated.path)!;
      (request.states[at] as ReferenceState).leaves.set(offset, values.get(tensor)!.data.slice());
    }
  }
  return { status: 'done', outputs: finish() };
};

const bindInputs = (program: Program, options: PrepareOptions, request: RunRequest, repetition: number) => {
  const values = new Map<Tensor, ReferenceArray>();
  program.inputs.forEach((input, i) => {
    const { tensor } = input;
    const count = elementCount(tensor.shape);
    let data: Float64Array;
    if (input.kind === 'state') {
      const at = options.states.findIndex((state) => state.argument === input.argument);
      const { offset } = options.states[at]!.layout.leaves.get(input.path)!;
      data = (request.states[at] as ReferenceState).leaves.get(offset) ?? new Float64Array(count);
    } else {
      const all = request.arrays[i]!.data;
      const from = request.repeat > 1 ? repetition * count : 0;
      data = new Float64Array(count); // of bounded arrays the rest is zero
      data.set(decode(all.subarray(from, from + count), tensor.dtype));
    }
    values.set(tensor, { shape: tensor.shape, dtype: tensor.dtype, data });
  });
  return values;
};

/** The other ops may compute more than an extent asks for; a sum may not take in what lies beyond it. */
const onlyLive = (array: ReferenceArray, extent: number): ReferenceArray => {
  const [leading = 1] = array.shape;
  const live = (Math.max(0, extent) * array.data.length) / Math.max(1, leading);
  return { ...array, data: array.data.map((x, i) => (i < live ? x : 0)) };
};

const evaluate = (
  program: Program,
  values: Map<Tensor, ReferenceArray>,
  checkFinite: boolean,
): { code: string } | { op: string; scope: string } | undefined => {
  for (const node of program.graph.nodes) {
    if (node.op.kind === 'input') continue;
    const inputs = node.inputs.map((input) => values.get(input)!);
    if (node.op.name === 'sum' && node.extent) inputs[0] = onlyLive(inputs[0]!, values.get(node.extent)!.data[0]!);
    const outputs = node.op.evaluate(inputs, node.attributes, node.outputs);
    node.outputs.forEach((output, i) => values.set(output, outputs[i]!));
    if (node.op.name === 'guard' && inputs[0]!.data[0]) return { code: node.attributes.code as string };
    const broken =
      checkFinite && node.op.kind !== 'constant' && outputs.some(({ data }) => data.some((x) => !Number.isFinite(x)));
    if (broken) return { op: node.op.name, scope: node.scope };
  }
  return undefined;
};
