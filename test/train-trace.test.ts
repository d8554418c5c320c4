import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConfig, type RunConfig } from '../src/train/config.js';
import { train } from '../src/train/trainer.js';
import { hexOf, trainingRoot } from './train-support.js';

const { root, configOf, checkpointOf, metricsOf, trainInParts } = trainingRoot();
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The schema of profiles (xplane.proto), as far as traces use it. */
const schema = protobuf.parse(`
  syntax = "proto3";
  message XStat { int64 metadata_id = 1; oneof value { uint64 uint64_value = 3; int64 int64_value = 4; string str_value = 5; } }
  message XEvent { int64 metadata_id = 1; int64 offset_ps = 2; int64 duration_ps = 3; repeated XStat stats = 4; }
  message XLine { int64 id = 1; string name = 2; int64 timestamp_ns = 3; repeated XEvent events = 4; }
  message XEventMetadata { int64 id = 1; string name = 2; string display_name = 4; }
  message XStatMetadata { int64 id = 1; string name = 2; }
  message XPlane {
    int64 id = 1; string name = 2; repeated XLine lines = 3;
    map<int64, XEventMetadata> event_metadata = 4; map<int64, XStatMetadata> stat_metadata = 5;
  }
  message XSpace { repeated XPlane planes = 1; repeated string hostnames = 4; }
`);
const XSpace = schema.root.lookupType('XSpace');

interface Stat {
  readonly metadataId: number;
  readonly int64Value?: number;
  readonly strValue?: string;
}
interface Plane {
  readonly name: string;
  readonly lines: readonly {
    readonly name: string;
    readonly events: readonly {
      readonly metadataId: number;
      readonly offsetPs: number;
      readonly durationPs: number;
      readonly stats?: readonly Stat[];
    }[];
  }[];
  readonly eventMetadata: Record<string, { readonly name: string; readonly displayName?: string }>;
  readonly statMetadata: Record<string, { readonly name: string }>;
}

const profileOf = (folder: string, name: string) => {
  const path = join(folder, 'plugins', 'profile', name);
  const [file] = readdirSync(path);
  const space = XSpace.toObject(XSpace.decode(readFileSync(join(path, file!))), { longs: Number });
  const [plane] = space.planes as [Plane];
  const eventsOf = (line: string) =>
    plane.lines
      .find(({ name }) => name === line)!
      .events.map(({ metadataId, stats = [], ...event }) => ({
        ...event,
        ...plane.eventMetadata[metadataId]!,
        stats: Object.fromEntries(
          stats.map((stat) => [plane.statMetadata[stat.metadataId]!.name, stat.int64Value ?? stat.strValue]),
        ),
      }));
  return { file, plane, training: eventsOf('training'), memory: eventsOf('memory') };
};

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly cat?: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: Record<string, number>;
}
const eventsOf = (folder: string, name: string): TraceEvent[] =>
  JSON.parse(readFileSync(join(folder, `${name}.trace.json`), 'utf8')).traceEvents;

const model = { layers: 1, dropout: 0.1 };
const traced = (name: string, trace: object, more: object = {}): RunConfig => ({
  ...configOf({ name, model, train: { steps: 12, ...more } }),
  trace: { enabled: true, start: 4, stop: 8, ...trace },
});
const times = ({ ts, dur }: TraceEvent) => [ts, ts + dur] as const;

describe('trace', () => {
  const folder = join(root, 'somewhere', 'else');
  beforeAll(async () => {
    await train(configOf({ name: 'plain', model, train: { steps: 12 } }));
    await train(traced('traced', { outputPath: folder }));
  });

  it('changes no bit of training', async () => {
    const contents = async (name: string) => {
      const { model, optimizer } = await checkpointOf(name);
      return [hexOf(model), hexOf(optimizer), (await metricsOf(name)).map(({ loss }) => loss)];
    };
    expect(await contents('traced')).toEqual(await contents('plain'));
    await train(traced('sums', {}, { accumulation: 3 }));
    await train({ ...traced('plain sums', {}, { accumulation: 3 }), trace: { enabled: false, start: 4, stop: 8 } });
    expect(await contents('sums')).toEqual(await contents('plain sums'));
  });

  it('has the steps with their kernel calls in them, for Perfetto', () => {
    const events = eventsOf(folder, 'steps-5-8');
    const steps = events.filter(({ cat }) => cat === 'step');
    expect(steps.map(({ name }) => name)).toEqual(['step 5', 'step 6', 'step 7', 'step 8']);
    const gemms = events.filter(({ name }) => name === 'gemm blocks.0.attention.qkv');
    expect(gemms.length).toBeGreaterThanOrEqual(4);
    for (const call of events.filter(({ ph, cat }) => ph === 'X' && cat !== 'step')) {
      const [began, ended] = times(call);
      const parents = steps.map(times).filter(([from, to]) => from <= began && ended <= to + 0.001);
      expect(parents).toHaveLength(1);
    }
    const names = events.filter(({ cat }) => cat === 'program').map(({ name }) => name);
    expect(names).toEqual(['step', 'step', 'step', 'step']);
  });

  it('has memory over time: the arena fills and empties, never beyond the plan', () => {
    const counters = eventsOf(folder, 'steps-5-8').filter(({ ph }) => ph === 'C');
    const valuesOf = (counter: string) =>
      counters.filter(({ name }) => name === counter).map(({ args }) => args.bytes as number);
    const arena = valuesOf('arena in use');
    expect(new Set(arena).size).toBeGreaterThan(10);
    expect(arena.at(-1)).toBe(0);
    expect(Math.min(...arena)).toBe(0);
    const [peak] = valuesOf('planned peak');
    const [state] = valuesOf('state');
    expect(Math.max(...arena) + state!).toBeLessThanOrEqual(peak!);
  });

  it('is a profile for TensorBoard', () => {
    const { file, plane, training, memory } = profileOf(folder, 'steps-5-8');
    expect(file).toMatch(/\.xplane\.pb$/);
    expect(plane.name).toBe('/host:CPU');
    const steps = training.filter(({ name }) => name === 'train');
    expect(steps.map(({ stats }) => stats.step_num)).toEqual([5, 6, 7, 8]);
    const slices = eventsOf(folder, 'steps-5-8').filter(({ ph }) => ph === 'X');
    expect(training).toHaveLength(slices.length);
    for (const [i, { durationPs }] of training.entries()) expect(durationPs / 1e6).toBeCloseTo(slices[i]!.dur, 5);
    expect(training.find(({ name }) => name === 'blocks/0/attention/qkv/gemm:Gemm')).toMatchObject({
      displayName: 'gemm blocks.0.attention.qkv',
    });
    const counters = eventsOf(folder, 'steps-5-8').filter(({ name }) => name === 'arena in use');
    expect(memory.map(({ stats }) => stats.bytes_allocated)).toEqual(counters.map(({ args }) => args.bytes));
    expect(new Set(memory.map(({ name }) => name))).toEqual(new Set(['MemoryAllocation', 'MemoryDeallocation']));
  });

  it('measures the micro-batches of a step one by one', () => {
    const events = eventsOf(join(root, 'sums', 'trace'), 'steps-5-8');
    const programs = events.filter(({ cat }) => cat === 'program').map(({ name }) => name);
    expect(programs.slice(0, 4)).toEqual(['accumulate', 'accumulate', 'accumulate', 'apply']);
    expect(programs).toHaveLength(16);
  });

  it('has a part for each session of a run that was interrupted in it', async () => {
    await trainInParts(traced('parts', {}, { evaluateEvery: 6 }), [6]);
    expect(hexOf((await checkpointOf('parts')).model)).toEqual(hexOf((await checkpointOf('plain')).model));
    const written = readdirSync(join(root, 'parts', 'trace')).sort();
    expect(written).toEqual(['plugins', 'steps-5-6.trace.json', 'steps-7-8.trace.json']);
  });

  it('ends with the run, and is none where the run ends before', async () => {
    await train(traced('short', { stop: 80 }));
    expect(readdirSync(join(root, 'short', 'trace')).sort()).toEqual(['plugins', 'steps-5-12.trace.json']);
    const told: string[] = [];
    await train(traced('shorter', { start: 50, stop: 80 }), { warn: (message) => told.push(message) });
    expect(readdirSync(join(root, 'shorter'))).not.toContain('trace');
    expect(told.join()).toMatch(/trace\.start is 50, but the run ends at step 12/);
  });

  it('is refused before the first step where its folder cannot be made', async () => {
    const error = await train(traced('no folder', { outputPath: join(root, 'text.txt', 'trace') })).catch((e) => e);
    expect(error).toMatchObject({ code: 'E_FILE', message: expect.stringMatching(/cannot create .*text\.txt.*trace/) });
    expect(existsSync(join(root, 'no folder'))).toBe(false);
  });

  it('says which ranges are none', () => {
    const wrong = (trace: object) => () => checkConfig({ data: { path: 'x' }, trace }, 'the test', 'x');
    expect(wrong({ start: 20, stop: 20 })).toThrow(/trace\.stop.*larger than trace\.start/);
    expect(wrong({ start: 0, stop: 5000 })).toThrow(/trace\.stop.*at most 1024 steps/);
    expect(wrong({ path: 'x' })).toThrow(/trace\.path/);
  });
});
