import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, describe, expect, it } from 'vitest';
import { readFrames } from '../src/data/tfrecord/frames.js';
import { trainingRoot } from './train-support.js';

const { root, configOf, trainInParts, metricsOf } = trainingRoot();
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The part of TensorBoard's schema that a run writes. */
const schema = protobuf.parse(`
  syntax = "proto3";
  message SessionLog { int32 status = 1; }
  message HistogramProto {
    double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
    repeated double bucket_limit = 6; repeated double bucket = 7;
  }
  message TensorProto { int32 dtype = 1; repeated bytes string_val = 8; }
  message Value { string tag = 1; float simple_value = 2; HistogramProto histo = 5; TensorProto tensor = 8; }
  message Summary { repeated Value value = 1; }
  message Event {
    double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; SessionLog session_log = 7;
  }
`);
const Event = schema.root.lookupType('Event');

interface Value {
  readonly tag: string;
  readonly simpleValue?: number;
  readonly histo?: {
    readonly num: number;
    readonly bucket: readonly number[];
    readonly bucketLimit: readonly number[];
  };
  readonly tensor?: { readonly stringVal: readonly Buffer[] };
}

/** The values of all files of a folder in their order, without what a later session took back. */
const valuesOf = async (folder: string): Promise<(Value & { readonly step: number })[]> => {
  let values: (Value & { readonly step: number })[] = [];
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    const pieces = async function* () {
      yield readFileSync(path);
    };
    for await (const { record } of readFrames(pieces(), { path })) {
      const event = Event.toObject(Event.decode(record), { longs: Number });
      const step: number = event.step ?? 0;
      if (event.sessionLog) values = values.filter((value) => value.step < step);
      values.push(...((event.summary?.value ?? []) as Value[]).map((value) => ({ ...value, step })));
    }
  }
  return values;
};

describe('train.tensorboard', () => {
  it('writes curves, weights, samples and the configuration, also over an interruption', async () => {
    const train = { steps: 30, evaluateEvery: 10, sampleEvery: 15, sampleBytes: 20, tensorboard: true };
    await trainInParts(configOf({ name: 'board', train }), [20]);
    const values = await valuesOf(join(root, 'board', 'tensorboard'));
    const tagged = (tag: string) => values.filter((value) => value.tag === tag);

    const rows = await metricsOf('board');
    const losses = rows
      .filter((row) => row.loss !== undefined)
      .map(({ step, loss }) => [step, Math.fround(Number(loss))]);
    expect(losses).toHaveLength(30);
    expect(tagged('loss').map(({ step, simpleValue }) => [step, simpleValue])).toEqual(losses);
    expect(tagged('validation/bitsPerByte').map(({ step }) => step)).toEqual([10, 20, 30]);

    const [weights] = tagged('weights/blocks.0.attention.qkv.weight');
    expect(weights!.histo!.num).toBe(32 * 96);
    expect(weights!.histo!.bucket.reduce((sum, count) => sum + count, 0)).toBe(32 * 96);
    expect(weights!.histo!.bucketLimit).toHaveLength(weights!.histo!.bucket.length);

    expect(tagged('sample').map(({ step }) => step)).toEqual([15]);
    const [config] = tagged('config');
    expect(String(config!.tensor!.stringVal[0])).toContain('    sampleEvery: 15');
  });

  it('is off unless asked for', async () => {
    await trainInParts(configOf({ name: 'quiet', train: { steps: 1 } }), []);
    expect(readdirSync(join(root, 'quiet'))).not.toContain('tensorboard');
  });
});
