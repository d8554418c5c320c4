import type { Writer } from 'protobufjs/minimal.js';
import { protobuf } from '../../core/libraries.js';
import { message, tag, wireTypes } from '../protobuf.js';
import type { Histogram } from './histogram.js';

/** What TensorBoard shows under a tag at a step. */
export type Summary =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly histogram: Histogram }
  /** Markdown. */
  | { readonly tag: string; readonly text: string };

export interface EventTime {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
}

/*
 * The messages of TensorBoard's event files (tensorflow/core/util/event.proto, framework/summary.proto), in the order of
 * their field numbers, as every writer does: Event { wall_time = 1, step = 2, file_version = 3, summary = 5,
 * session_log = 7 }, Summary { value = 1 }, Value { tag = 1, simple_value = 2, histo = 5, tensor = 8, metadata = 9 }.
 */
const { varint: VARINT, double: DOUBLE, delimited: DELIMITED, float: FLOAT } = wireTypes;
const STRING_TYPE = 7;
const SESSION_START = 1;

const event = (time: EventTime, write: (writer: Writer) => void): Uint8Array => {
  const writer = protobuf().Writer.create();
  tag(writer, 1, DOUBLE).double(time.wallTime);
  if (time.step !== 0) tag(writer, 2, VARINT).int64(time.step);
  write(writer);
  return writer.finish();
};

/** The event that every file begins with. */
export const versionEvent = (wallTime: number): Uint8Array =>
  event({ wallTime, step: 0 }, (writer) => tag(writer, 3, DELIMITED).string('brain.Event:2'));

/** The event that says that a session begins at a step: what other files hold from there on no longer counts. */
export const startEvent = (time: EventTime): Uint8Array =>
  event(time, (writer) => message(writer, 7, (log) => tag(log, 1, VARINT).int32(SESSION_START)));

export const summaryEvent = (time: EventTime, summaries: readonly Summary[]): Uint8Array =>
  event(time, (writer) =>
    message(writer, 5, (inner) => {
      for (const summary of summaries) message(inner, 1, (value) => writeValue(value, summary));
    }),
  );

const writeValue = (writer: Writer, summary: Summary): void => {
  tag(writer, 1, DELIMITED).string(summary.tag);
  if ('scalar' in summary) tag(writer, 2, FLOAT).float(summary.scalar);
  else if ('histogram' in summary) message(writer, 5, (inner) => writeHistogram(inner, summary.histogram));
  else {
    // TensorProto { dtype = 1, tensor_shape = 2, string_val = 8 } without dimensions, for the text plugin.
    message(writer, 8, (tensor) => {
      tag(tensor, 1, VARINT).int32(STRING_TYPE);
      message(tensor, 2, () => {});
      tag(tensor, 8, DELIMITED).bytes(Buffer.from(summary.text));
    });
    // SummaryMetadata { plugin_data = 1 { plugin_name = 1 } }
    message(writer, 9, (metadata) => message(metadata, 1, (plugin) => tag(plugin, 1, DELIMITED).string('text')));
  }
};

/** HistogramProto { min = 1, max = 2, num = 3, sum = 4, sum_squares = 5, bucket_limit = 6, bucket = 7 } */
const writeHistogram = (writer: Writer, { min, max, count, sum, sumOfSquares, limits, counts }: Histogram): void => {
  [min, max, count, sum, sumOfSquares].forEach((value, i) => {
    // A zero is what a missing field says.
    if (value !== 0) tag(writer, i + 1, DOUBLE).double(value);
  });
  [limits, counts].forEach((values, i) => {
    message(writer, 6 + i, (inner) => {
      for (const value of values) inner.double(value);
    });
  });
};
