import { NonetError } from '../core/errors.js';
import type { Tensor } from '../tensor/graph.js';
import { type Tree, treeLeaves, treeMap } from '../tensor/tree.js';
import { describeType, elementCount, type TensorType } from '../tensor/types.js';
import { defaultExecutor } from './default-executor.js';
import type { Executable, Executor, ProgramPlan, RunResult } from './executor.js';
import { HostArray, scalar } from './host-array.js';
import type { Program } from './program.js';
import { layoutOf, State } from './state.js';
import { type ArgumentSpec, type Donations, isType, type Traced, trace } from './trace.js';

export interface CompileOptions {
  /**
   * Keys of the result whose trees go back into states, with the position of the argument they overwrite; a plain key
   * means the first argument. The handle passed in is used up, the result holds the next one.
   */
  readonly donate?: string | Donations;
  readonly executor?: Executor;
  /** Graph passes (default on). Off gives the same bits. */
  readonly optimize?: boolean;
  /** Memory reuse (default on). */
  readonly reuse?: boolean;
}

/** What compiled functions take: states, and trees of arrays and numbers (f32 scalars). */
export type Argument = State | Tree<HostArray | number>;

/** What they return: arrays where the function returned tensors, states where trees were donated. */
// biome-ignore lint/suspicious/noExplicitAny: the form of the result is that of the user's function
export type Result = any;

/** A kernel call of a plan with its measured time. */
export type ProfiledCall = ProgramPlan['calls'][number] & { readonly seconds: number };

export interface Compiled {
  (...args: Argument[]): Promise<Result>;
  /**
   * Runs the program `n` times in one native call: donated states are carried along, array arguments have a new first
   * dimension of `n`, outputs are stacked likewise; for `n` = 1 neither has it. Where a guard ends repetition `i` (from 0),
   * those before it are done: the details of the `E_GUARD` have `repetition: i` and, as `returned`, outputs that hold good
   * up to there, and the handles passed in go on from the state behind them.
   */
  repeat(n: number, ...args: Argument[]): Promise<Result>;
  /**
   * Runs once with every result checked; resolves to the op that produced the first NaN or infinity, if any. Meant for
   * after a guard has ended the same call: a run that meets neither writes its donated states, whose handles stay good.
   */
  findNotFinite(...args: Argument[]): Promise<{ op: string; scope: string } | undefined>;
  /** Runs once and tells how long every kernel call took; donated states are carried on as by a plain call. */
  profile(...args: Argument[]): Promise<{ result: Result; calls: readonly ProfiledCall[]; plan: ProgramPlan }>;
  /** What a call with such arguments would take, without running it. States may be given as trees of types. */
  plan(
    ...args: (Argument | { readonly state: Tree<TensorType> } | Tree<TensorType>)[]
  ): ProgramPlan & { program: Program };
}

/**
 * Compiles a function over symbolic tensors. It is traced on the first call for the shapes and dtypes of its arguments and
 * run off the main thread from then on.
 *
 * Rejects with `E_GUARD` when a guard ended the run (states are as before), `E_SHAPE` and `E_TRACE` while tracing.
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters mirror the arguments, tensors for arrays
export const compile = (f: (...args: any[]) => Tree<Tensor> | object, options: CompileOptions = {}): Compiled => {
  const donations: Donations = typeof options.donate === 'string' ? { [options.donate]: 0 } : (options.donate ?? {});
  const ready = new WeakMap<Executor, Map<string, Ready>>();
  const prepare = (specs: readonly ArgumentSpec[], executor: Executor, optimize = options.optimize ?? true) => {
    const key = `${optimize}/${specs.map(specKey).join('/')}`;
    const prepared = ready.get(executor) ?? new Map<string, Ready>();
    ready.set(executor, prepared);
    const known = prepared.get(key);
    if (known) return known;
    const traced = trace(f as (...args: never[]) => unknown, specs, donations);
    const states = specs.flatMap((spec, argument) =>
      spec.kind === 'state' ? [{ argument, layout: spec.layout }] : [],
    );
    const executable = executor.prepare(traced.program, { states, optimize, reuse: options.reuse ?? true });
    const entry = { traced, executable, program: traced.program };
    prepared.set(key, entry);
    return entry;
  };
  const executorOf = (args: readonly unknown[]): Executor => {
    const state = args.find((arg): arg is State => arg instanceof State);
    return state?.executor ?? options.executor ?? defaultExecutor();
  };

  const call = async (repeat: number, args: readonly Argument[], { checkFinite = false, profile = false } = {}) => {
    const arrays = args.map((arg) => (arg instanceof State ? arg : treeMap(arg, isInput, toArray)));
    const specs = arrays.map((arg) => specOf(arg, repeat));
    // Without fusion every op is a call of its own and can be named.
    const optimize = checkFinite ? false : undefined;
    const { traced, executable } = prepare(specs, executorOf(args), optimize);
    const leaves = traced.program.inputs.map((input) => {
      const argument = arrays[input.argument]!;
      return argument instanceof State ? undefined : leafAt(argument, input.path);
    });
    const states = args.filter((arg): arg is State => arg instanceof State);
    const memories = states.map((state) => state.open());
    // The program writes a donated state in place, thinking that nothing else looks at that memory.
    for (const argument of Object.values(donations)) {
      if (states.filter((state) => state === args[argument]).length > 1) {
        throw new NonetError(
          'E_DONATED',
          `argument ${argument} is donated, but the call takes the same state once more`,
        );
      }
    }
    const donated = new Map<string, { next: State; restore: () => void }>();
    if (!checkFinite)
      for (const [key, argument] of Object.entries(donations)) donated.set(key, (args[argument] as State).donate());
    try {
      const result = await executable.run({ states: memories, arrays: leaves, repeat, checkFinite, profile });
      return { traced, donated, result, executable };
    } catch (error) {
      for (const { restore } of donated.values()) restore();
      throw error;
    }
  };

  const run = async (repeat: number, args: readonly Argument[]): Promise<Result> => {
    const { traced, donated, result } = await call(repeat, args);
    return assemble(traced, donated, result);
  };
  const compiled = ((...args: Argument[]) => run(1, args)) as Compiled;
  compiled.repeat = (n, ...args) => run(n, args);
  compiled.findNotFinite = async (...args) => {
    const { result } = await call(1, args, { checkFinite: true });
    return result.status === 'notFinite' ? { op: result.op, scope: result.scope } : undefined;
  };
  compiled.profile = async (...args) => {
    const { traced, donated, result, executable } = await call(1, args, { profile: true });
    const seconds = result.status === 'done' ? result.seconds : undefined;
    const { plan } = executable;
    const calls = plan.calls.map((planned, i) => ({ ...planned, seconds: seconds?.[i] ?? 0 }));
    return { result: assemble(traced, donated, result), calls, plan };
  };
  compiled.plan = (...args) => {
    const specs = args.map((arg): ArgumentSpec => {
      if (arg instanceof State) return { kind: 'state', layout: arg.layout };
      if (typeof arg === 'object' && 'state' in arg)
        return { kind: 'state', layout: layoutOf(arg.state as Tree<TensorType>) };
      return specOf(
        treeMap(arg as Tree<HostArray | number>, isInput, (leaf) => (typeof leaf === 'number' ? scalar(leaf) : leaf)),
        1,
      );
    });
    const { executable, program } = prepare(specs, executorOf(args));
    return { ...executable.plan, program };
  };
  return compiled;
};

/** A function traced for certain arguments and made ready for an executor. */
interface Ready {
  readonly traced: Traced;
  readonly executable: Executable;
  readonly program: Program;
}

const isInput = (value: unknown): value is HostArray | number => typeof value === 'number' || isType(value);
const isArray = (value: unknown): value is HostArray => value instanceof HostArray;

const toArray = (leaf: HostArray | number): HostArray => {
  if (typeof leaf === 'number') return scalar(leaf);
  if (!isArray(leaf))
    throw new NonetError('E_SHAPE', `an argument must be an array with data, not just ${describeType(leaf)}`);
  return leaf;
};

const specOf = (argument: State | Tree<HostArray>, repeat: number): ArgumentSpec => {
  if (argument instanceof State) return { kind: 'state', layout: argument.layout };
  const tree = treeMap<HostArray, TensorType>(
    argument,
    isType as (v: unknown) => v is HostArray,
    ({ shape, dtype, data }, path) => {
      if (repeat === 1) return { shape, dtype };
      if (data.length < elementCount(shape))
        throw new NonetError('E_SHAPE', `repeat(${repeat}): ${path} is a bounded array, which cannot be stacked`);
      if (shape[0] !== repeat) {
        throw new NonetError(
          'E_SHAPE',
          `repeat(${repeat}): ${path} is ${describeType({ shape, dtype })}; its first dimension must be ${repeat}`,
        );
      }
      return { shape: shape.slice(1), dtype };
    },
  );
  return { kind: 'arrays', tree };
};

const specKey = (spec: ArgumentSpec): string => {
  if (spec.kind === 'state')
    return [...spec.layout.leaves].map(([path, { type }]) => `${path}:${describeType(type)}`).join();
  return treeLeaves<TensorType>(spec.tree, isType)
    .map(({ path, value }) => `${path}=${describeType(value)}`)
    .join();
};

const leafAt = (tree: Tree<HostArray>, path: string): HostArray => {
  let at: unknown = tree;
  if (path !== '') for (const key of path.split('.')) at = (at as Record<string, unknown>)[key];
  return at as HostArray;
};

const assemble = (
  traced: Traced,
  donated: ReadonlyMap<string, { next: State; restore: () => void }>,
  result: RunResult,
): Result => {
  if (result.status !== 'done') {
    for (const { restore } of donated.values()) restore();
    if (result.status === 'guard') {
      const { code, repetition, outputs } = result;
      // Whole repetitions before it count: what they returned, and the states, which the handles passed in hold.
      const details = { guard: code, repetition, returned: returnedOf(traced, donated, outputs) };
      throw new NonetError('E_GUARD', `the run was ended by guard ${code}`, details);
    }
    throw new NonetError('E_NOT_FINITE', `${result.op} in ${result.scope || 'the program'} gave NaN or infinity`, {
      ...result,
    });
  }
  const handles = [...donated].map(([key, { next }]) => [key, next] as const);
  const returned = returnedOf(traced, donated, result.outputs);
  return handles.length === 0 ? returned : { ...returned, ...Object.fromEntries(handles) };
};

/** The result in the function's own form, without the states that go back into arguments. */
const returnedOf = (traced: Traced, donated: ReadonlyMap<string, unknown>, outputs: readonly HostArray[]): Result => {
  const isReturned = traced.program.outputs.map((output) => output.donated === undefined);
  const position = isReturned.map((own, i) => (own ? isReturned.slice(0, i).filter(Boolean).length : -1));
  const isLeaf = (value: unknown): value is number | null => typeof value === 'number' || value === null;
  const build = (form: Tree<number | null>): Result =>
    treeMap<number | null, HostArray | null>(form, isLeaf, (i) => (i === null ? null : outputs[position[i]!]!));
  if (donated.size === 0) return build(traced.result);
  const kept = Object.entries(traced.result as Record<string, Tree<number | null>>).filter(
    ([key]) => !donated.has(key),
  );
  return Object.fromEntries(kept.map(([key, form]) => [key, build(form)]));
};
