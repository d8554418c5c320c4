import type { Compiled } from '../compile/compile.js';
import { HostArray, hostArray } from '../compile/host-array.js';
import { State } from '../compile/state.js';
import type { BitTransformer, LanguageModel } from '../models/index.js';
import { decodeProgram, decodeStateTypes, prefillProgram } from './decode-program.js';
import { type GenerateOptions, type GenerationPlan, planGeneration } from './prompts.js';
import { type GeneratedRow, Row } from './row.js';
import { samplerSettings } from './sampling.js';
import { exactSlide, slideProgram } from './slide-program.js';

export interface GenerateResult {
  /** In order of the prompts. */
  readonly rows: readonly GeneratedRow[];
  /** Bytes made for all rows together over the time from the first prefill on. */
  readonly bytesPerSecond: number;
  /**
   * Whether a text grew beyond the context. A model with chunks and rotary positions then sees what one pass over the whole text
   * would show it; another one no longer sees the beginning.
   */
  readonly slid: boolean;
  /** Blocks that a patch ran through, the mean over those that were made; only of models with `act`. */
  readonly meanDepth?: number;
}

export interface Generator {
  /** See `generate`. */
  generate(state: State, options: GenerateOptions): Promise<GenerateResult>;
}

/** Patches of each row that one prefill step takes. */
const prefillChunk = 64;

/** A generator for a model that keeps its compiled programs, for callers that generate again and again. */
export const createGenerator = (model: LanguageModel): Generator => {
  const prefill = prefillProgram(model);
  const decoders = new Map<string, Compiled>();
  const decoder = (plan: GenerationPlan): Compiled => {
    const key = `${plan.layout.parity}/${plan.sampleParity}/${plan.utf8}`;
    const known = decoders.get(key) ?? decodeProgram(model, plan);
    decoders.set(key, known);
    return known;
  };
  const sliders = new Map<number, Compiled>();
  const slider = (patches: number): Compiled => {
    const known = sliders.get(patches) ?? slideProgram(model as BitTransformer, patches);
    sliders.set(patches, known);
    return known;
  };
  return {
    generate: async (state, options) => {
      const plan = planGeneration(model, options);
      const { patchesPerByte } = plan.layout;
      const patches = exactSlide(model, (plan.capacity + 1) * patchesPerByte - 1, patchesPerByte);
      const slide = patches > 0 ? { bytes: patches / patchesPerByte, program: slider(patches) } : undefined;
      const writing = new Writing(model, state, plan, { prefill, decode: decoder(plan), slide });
      return writing.run(options);
    },
  };
};

/**
 * Continues prompts with bytes drawn from the model. `state` holds the parameters under `parameters.*` and is only read. Every
 * byte has its exact probability under the model whatever the patch size, so temperature and filters mean the same for all
 * models. Same seed, same text: on any number of threads, in any batch, for any `bytesPerCall`.
 *
 * @throws NonetError `E_PROMPT` for a prompt or setting that cannot be served
 *
 * @example
 * const prompts = [new TextEncoder().encode('Call me ')];
 * const { rows } = await generate(model, state, { prompts, maxBytes: 100, temperature: 0.8, seed: 1 });
 */
export const generate = (model: LanguageModel, state: State, options: GenerateOptions): Promise<GenerateResult> =>
  createGenerator(model).generate(state, options);

interface Programs {
  readonly prefill: Compiled;
  readonly decode: Compiled;
  /** Of models whose cache can move down when it is full: by how much, and what does it. */
  readonly slide?: { readonly bytes: number; readonly program: Compiled } | undefined;
}

/** One batch of texts from prompts to their ends. */
class Writing {
  private readonly chunk: number;
  private readonly halts: boolean;
  private slid = false;
  private memory: State;

  constructor(
    model: LanguageModel,
    private readonly state: State,
    private readonly plan: GenerationPlan,
    private readonly programs: Programs,
  ) {
    this.memory = State.create(state.executor, decodeStateTypes(model, plan.prompts.length));
    this.memory.write('settings', hostArray(samplerSettings(plan.sampling)));
    this.halts = model.traits.act;
    this.chunk = Math.min(prefillChunk, model.contextLength);
  }

  async run({ onBytes, onNotice, signal }: GenerateOptions): Promise<GenerateResult> {
    const { plan } = this;
    const rows = plan.prompts.map((_, i) => new Row(plan, i, (bytes) => onBytes?.(i, bytes)));
    if (rows.some((row) => row.cut)) {
      onNotice?.(`a prompt is longer than the context: the model sees its last ${plan.capacity} bytes`);
    }
    const start = performance.now();
    try {
      await this.fill(rows, rows);
      for (let active = rows; active.length > 0; active = rows.filter((row) => row.active)) {
        if (signal?.aborted) {
          for (const row of active) row.end('aborted');
          break;
        }
        await this.slide(rows, active, onNotice);
        await this.write(rows, active);
        for (const row of rows) row.flush();
      }
    } finally {
      this.memory.free();
    }
    const seconds = (performance.now() - start) / 1000;
    const made = rows.reduce((sum, row) => sum + row.madeBytes, 0);
    const depths = rows.reduce((sum, row) => sum + row.depths, 0);
    return {
      rows: rows.map((row) => row.result),
      bytesPerSecond: made / seconds,
      slid: this.slid,
      ...(this.halts && made > 0 && { meanDepth: depths / made }),
    };
  }

  /** Moves the window of rows whose context is full. When that happens depends on the row alone. */
  private async slide(
    rows: readonly Row[],
    active: readonly Row[],
    onNotice: GenerateOptions['onNotice'],
  ): Promise<void> {
    const full = active.filter((row) => row.room < 1);
    if (full.length === 0) return;
    const { slide } = this.programs;
    if (slide) {
      this.slid = true;
      const isFull = Uint8Array.from(rows, (row) => Number(full.includes(row)));
      this.memory = (await slide.program(this.memory, new HostArray(isFull, [rows.length], 'bool'))).state;
      for (const row of full) row.slide(slide.bytes);
      return;
    }
    if (!this.slid) onNotice?.('the text is longer than the context: from here on the model sees the end of it');
    this.slid = true;
    for (const row of full) row.slide();
    await this.fill(rows, full);
  }

  /** Puts the windows of `renewed` into the cache. */
  private async fill(rows: readonly Row[], renewed: readonly Row[]): Promise<void> {
    const { chunk } = this;
    const windows = new Map(renewed.map((row) => [row, row.patches.slice(0, -1)]));
    const steps = Math.ceil(Math.max(...[...windows.values()].map((patches) => patches.length)) / chunk);
    if (steps === 0) return;
    const patches = new Int32Array(steps * rows.length * chunk);
    const start = new Int32Array(steps * rows.length);
    for (let step = 0; step < steps; step++) {
      rows.forEach((row, i) => {
        const at = step * rows.length + i;
        const window = windows.get(row);
        // Zeros behind the end of a text, also of one whose window is in already, are overwritten before they can be seen.
        const isFilling = window !== undefined && step * chunk < window.length;
        start[at] = isFilling ? step * chunk : row.position;
        if (isFilling) patches.set(window.slice(step * chunk, (step + 1) * chunk), at * chunk);
      });
    }
    const stacked = steps === 1 ? [] : [steps];
    const inputs = {
      patches: hostArray(patches, [...stacked, rows.length, chunk]),
      start: hostArray(start, [...stacked, rows.length]),
    };
    this.memory = (await this.programs.prefill.repeat(steps, this.state, this.memory, inputs)).state;
  }

  /** Makes as many bytes as one call may. */
  private async write(rows: readonly Row[], active: readonly Row[]): Promise<void> {
    const count = Math.min(this.plan.bytesPerCall, ...active.map((row) => Math.min(row.remaining, row.room)));
    this.memory.write('position', hostArray(Int32Array.from(rows, (row) => row.position)));
    this.memory.write('pending', hostArray(Int32Array.from(rows, (row) => row.pending)));
    const draws = new Float32Array(count * 2 * rows.length);
    for (let ahead = 0; ahead < count; ahead++) {
      rows.forEach((row, i) => {
        const [byte, parity] = row.draws(ahead);
        draws[ahead * 2 * rows.length + i] = byte;
        draws[(ahead * 2 + 1) * rows.length + i] = parity;
      });
    }
    const shape = count === 1 ? [2, rows.length] : [count, 2, rows.length];
    const result = await this.programs.decode.repeat(count, this.state, this.memory, hostArray(draws, shape));
    this.memory = result.state;
    const frames: ArrayLike<number> = result.frames.data;
    const depths: ArrayLike<number> | undefined = result.depth?.data;
    for (let i = 0; i < frames.length; i++) rows[i % rows.length]!.take(frames[i]!, depths?.[i]);
  }
}
