import type { MetricsRow } from './metrics.js';

const windows = [64, 256, 1024] as const;
/** Steps between two rows of figures: the shortest window is then another one each time. */
const trendEvery = windows[0];

/** Whether a row of figures is due behind so many steps. */
export const isTrendStep = (done: number, steps: number): boolean => done % trendEvery === 0 || done === steps;

/** The median of the last `length` values, kept in order: one that comes or goes moves those behind it. */
class RollingMedian {
  private readonly recent: number[] = [];
  private readonly sorted: Float64Array;

  constructor(private readonly length: number) {
    this.sorted = new Float64Array(length + 1);
  }

  add(value: number): void {
    const count = this.recent.push(value);
    const at = this.placeOf(value, count - 1);
    this.sorted.copyWithin(at + 1, at, count - 1);
    this.sorted[at] = value;
    if (count <= this.length) return;
    const oldest = this.placeOf(this.recent.shift()!, count);
    this.sorted.copyWithin(oldest, oldest + 1, count);
  }

  /** Values that it is of. */
  get count(): number {
    return this.recent.length;
  }

  /** Of an even number the mean of the middle two; nothing before the first value. */
  get median(): number | undefined {
    const count = this.recent.length;
    if (count === 0) return undefined;
    return (this.sorted[(count - 1) >> 1]! + this.sorted[count >> 1]!) / 2;
  }

  /** The first place among `count` values in order that holds none below it. */
  private placeOf(value: number, count: number): number {
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const seriesOf = () => windows.map((length) => ({ length, rolling: new RollingMedian(length) }));

/** Of the last steps of a run; what is not known is left out. */
export interface TrendFigures {
  /** Medians of the loss, each over so many of the last steps. */
  readonly medians: readonly { readonly steps: number; readonly loss: number }[];
  readonly bytesPerDay?: number;
  readonly parameterBytesPerDay?: number;
}

/** Medians over the last steps of a run: what single steps tell, without their noise. */
export class Trend {
  private readonly losses = seriesOf();
  private readonly seconds = seriesOf();

  /** `perStep` and `parameters` of the run; `rows` are those of the steps before, as far as they were logged. */
  constructor(
    private readonly run: { readonly bytesPerStep: number; readonly parameters: number },
    rows: readonly MetricsRow[] = [],
  ) {
    for (const { loss, seconds, batchKind } of rows.slice(-2 * windows[2])) {
      if (typeof seconds === 'number') this.add({ loss: batchKind === 'direct' ? undefined : loss, seconds });
    }
  }

  /** A step; its loss is left out where it is none on data. */
  add({ loss, seconds }: { readonly loss: unknown; readonly seconds: number }): void {
    for (const { rolling } of this.seconds) rolling.add(seconds);
    if (typeof loss === 'number') for (const { rolling } of this.losses) rolling.add(loss);
  }

  /** What a run tells at its end. */
  figures(): TrendFigures {
    const { bytesPerDay, parameterBytesPerDay } = this.speed();
    const losses = this.losses.flatMap(({ rolling: { median, count } }) =>
      median === undefined ? [] : [{ steps: count, loss: median }],
    );
    // Windows that reach back to the first step are all the same.
    const medians = losses.filter(({ steps }, at) => steps !== losses[at - 1]?.steps);
    return { medians, bytesPerDay, parameterBytesPerDay };
  }

  /** What the median of the shortest window comes to. */
  private speed() {
    const { bytesPerStep, parameters } = this.run;
    const usual = this.seconds[0]!.rolling.median;
    const bytesPerSecond = usual ? bytesPerStep / usual : undefined;
    const bytesPerDay = bytesPerSecond && bytesPerSecond * 86400;
    return { bytesPerSecond, bytesPerDay, parameterBytesPerDay: bytesPerDay && bytesPerDay * parameters };
  }

  /** A row of `metrics.jsonl`: medians of the loss, and of the time of a step with what it comes to. */
  row(step: number): MetricsRow {
    const { bytesPerStep } = this.run;
    const named = (name: string, series: typeof this.losses) =>
      Object.fromEntries(series.map(({ length, rolling }) => [`${name}${length}`, rolling.median]));
    return {
      step,
      bytesSeen: step * bytesPerStep,
      medians: named('loss', this.losses),
      speed: { ...named('seconds', this.seconds), ...this.speed() },
    };
  }
}
