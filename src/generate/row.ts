import { byteOf, frameOf, hasWrongParity, patchOf } from './frames.js';
import { type GenerationPlan, startByte } from './prompts.js';
import { drawsOf } from './sampler.js';
import { StopFinder } from './stop-strings.js';
import { ByteStream } from './stream.js';

export type StopReason = 'length' | 'stop' | 'aborted';

/** What became of one prompt. */
export interface GeneratedRow {
  /** The bytes that follow on the prompt, without the stop. */
  readonly bytes: Uint8Array;
  readonly stopReason: StopReason;
  /** The stop that ended the row, as text. */
  readonly stop?: string;
  /** Bytes whose parity bit the model got wrong; always 0 where parity is constructed. */
  readonly parityErrors: number;
}

/** One text while it is written: what the model has seen of it, and what goes out. */
export class Row {
  /** The text in frames, the prompt included. */
  private readonly frames: number[];
  private readonly seed: number;
  /** How many of the last frames the model sees. */
  private window: number;
  private made = 0;
  private readonly finder: StopFinder;
  private readonly stream: ByteStream;
  private parityErrors = 0;
  private blocks = 0;
  private reason: StopReason | undefined;
  private stop: Uint8Array | undefined;

  constructor(
    private readonly plan: GenerationPlan,
    index: number,
    send: (bytes: Uint8Array) => void,
  ) {
    const prompt = plan.prompts[index]!;
    this.seed = plan.seed + earlierCopies(plan.prompts, index);
    this.frames = Array.from(prompt.length > 0 ? prompt : [startByte], (byte) => frameOf(byte, plan.layout));
    this.window = Math.min(this.frames.length, plan.capacity);
    this.finder = new StopFinder(plan.stops);
    this.stream = new ByteStream(send, plan.utf8);
  }

  get active(): boolean {
    return this.reason === undefined;
  }

  /** Whether the model sees only the end of the prompt. Meant to be asked before the first byte is made. */
  get cut(): boolean {
    return this.window < this.frames.length;
  }

  /** Bytes that can be made before the window has to slide. */
  get room(): number {
    return this.plan.capacity - this.window + 1;
  }

  get remaining(): number {
    return this.plan.maxBytes - this.made;
  }

  /** Takes so many bytes out of the window; unless told, leaves the last half of the context in it. */
  slide(bytes?: number): void {
    this.window = bytes === undefined ? Math.max(1, Math.floor(this.plan.capacity / 2)) : this.window - bytes;
  }

  /** The patches of the window. */
  get patches(): number[] {
    const { layout } = this.plan;
    const indices = Array.from({ length: layout.patchesPerByte }, (_, i) => i);
    return this.frames.slice(-this.window).flatMap((frame) => indices.map((i) => patchOf(frame, i, layout)));
  }

  /** Patches in the cache: all but the last one. A row that has ended starts over, so that it never runs out of context. */
  get position(): number {
    return this.active ? this.window * this.plan.layout.patchesPerByte - 1 : 0;
  }

  get pending(): number {
    const { layout } = this.plan;
    return patchOf(this.frames.at(-1)!, layout.patchesPerByte - 1, layout);
  }

  /** Uniform numbers for the byte that is `ahead` bytes after the next one. */
  draws(ahead: number): readonly [byte: number, parity: number] {
    return drawsOf(this.seed, this.made + ahead);
  }

  /**
   * Takes a frame that the model made, and how many blocks its patches ran through; one that comes after the end is ignored.
   */
  take(frame: number, depth = 0): void {
    if (!this.active) return;
    this.blocks += depth;
    const { layout, maxBytes } = this.plan;
    const byte = byteOf(frame, layout);
    this.frames.push(frame);
    this.window++;
    this.made++;
    this.parityErrors += Number(hasWrongParity(frame, layout));
    this.stream.push(byte);
    const stop = this.finder.push(byte);
    if (stop) {
      this.stream.drop(stop.length);
      this.stop = stop;
      this.end('stop');
    } else if (this.made === maxBytes) {
      this.end('length');
    }
  }

  /** Sends what no stop can take back. */
  flush(): void {
    if (this.active) this.stream.flush(this.finder.held);
  }

  end(reason: StopReason): void {
    this.reason = reason;
    this.stream.flush(0);
  }

  get madeBytes(): number {
    return this.made;
  }

  /** Sum of the depths of all frames. */
  get depths(): number {
    return this.blocks;
  }

  get result(): GeneratedRow {
    const stop = this.stop && new TextDecoder().decode(this.stop);
    const { parityErrors } = this;
    return { bytes: this.stream.result, stopReason: this.reason ?? 'aborted', ...(stop && { stop }), parityErrors };
  }
}

/** How many prompts before this one are the same: equal prompts of a batch get different texts, others depend on themselves alone. */
const earlierCopies = (prompts: readonly Uint8Array[], index: number): number =>
  prompts.slice(0, index).filter((prompt) => Buffer.compare(prompt, prompts[index]!) === 0).length;
