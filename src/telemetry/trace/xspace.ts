import type { Writer } from 'protobufjs/minimal.js';
import { protobuf } from '../../core/libraries.js';
import { message, tag, wireTypes } from '../protobuf.js';
import { labelOf, memoryOf, type RecordedTrace, slicesOf } from './recorded.js';

/*
 * The messages of a profile (tsl/profiler/protobuf/xplane.proto): XSpace { planes = 1, hostnames = 4 }, XPlane { id = 1,
 * name = 2, lines = 3, event_metadata = 4, stat_metadata = 5 }, XLine { id = 1, name = 2, timestamp_ns = 3, events = 4 },
 * XEvent { metadata_id = 1, offset_ps = 2, duration_ps = 3, stats = 4 }, XStat { metadata_id = 1, uint64_value = 3,
 * int64_value = 4, str_value = 5 }, XEventMetadata { id = 1, name = 2, display_name = 4 }, XStatMetadata { id = 1, name = 2 }.
 */
const { varint: VARINT, delimited: DELIMITED } = wireTypes;

const integer = (writer: Writer, field: number, value: number): void => {
  if (value !== 0) tag(writer, field, VARINT).int64(value);
};
const text = (writer: Writer, field: number, value: string): void => {
  tag(writer, field, DELIMITED).string(value);
};

/** Names that events refer to by number. */
class Names {
  private readonly numbers = new Map<string, number>();

  constructor(private readonly display: (name: string) => string | undefined = () => undefined) {}

  of(name: string): number {
    const known = this.numbers.get(name) ?? this.numbers.size + 1;
    this.numbers.set(name, known);
    return known;
  }

  /** As a map from numbers to metadata. */
  write(writer: Writer, field: number): void {
    for (const [name, id] of this.numbers) {
      const shown = this.display(name);
      message(writer, field, (entry) => {
        integer(entry, 1, id);
        message(entry, 2, (metadata) => {
          integer(metadata, 1, id);
          text(metadata, 2, name);
          if (shown !== undefined) text(metadata, 4, shown);
        });
      });
    }
  }
}

interface Event {
  readonly name: string;
  readonly began: number;
  readonly seconds: number;
  readonly stats: Readonly<Record<string, number | string>>;
}

const picoseconds = (seconds: number): number => Math.round(seconds * 1e12);

/** A trace as the profile plugin of TensorBoard reads it: a file `plugins/profile/<run>/<host>.xplane.pb`. */
export const encodeXSpace = (trace: RecordedTrace, host: string): Uint8Array => {
  const labels = new Map<string, string>();
  const events = new Names((name) => labels.get(name));
  const stats = new Names();
  const writer = protobuf().Writer.create();

  const writeEvent = (line: Writer, { name, began, seconds, stats: told }: Event): void =>
    message(line, 4, (event) => {
      integer(event, 1, events.of(name));
      integer(event, 2, picoseconds(began));
      integer(event, 3, picoseconds(seconds));
      for (const [stat, value] of Object.entries(told)) {
        message(event, 4, (inner) => {
          integer(inner, 1, stats.of(stat));
          if (typeof value === 'string') text(inner, 5, value);
          else tag(inner, 4, VARINT).int64(value);
        });
      }
    });
  const writeLine = (plane: Writer, id: number, name: string, all: Iterable<Event>): void =>
    message(plane, 3, (line) => {
      integer(line, 1, id);
      text(line, 2, name);
      integer(line, 3, Math.round(trace.wallTime * 1e9));
      for (const event of all) writeEvent(line, event);
    });

  message(writer, 1, (plane) => {
    integer(plane, 1, 1);
    text(plane, 2, '/host:CPU');
    writeLine(plane, 1, 'training', operations(trace, labels));
    writeLine(plane, 2, 'memory', memory(trace));
    events.write(plane, 4);
    stats.write(plane, 5);
  });
  text(writer, 4, host);
  return writer.finish();
};

/** Steps, in them the programs, in those the kernel calls: the plugin nests what lies in another one. */
function* operations({ steps }: RecordedTrace, labels: Map<string, string>): Generator<Event> {
  for (const { step, began, ended, programs } of steps) {
    // What makes an event a step to the plugin.
    yield { name: 'train', began, seconds: ended - began, stats: { step_num: step, _r: 1 } };
    for (const program of programs) {
      const seconds = program.ended - program.began;
      yield { name: program.name, began: program.began, seconds, stats: {} };
      for (const { call, ...time } of slicesOf(program)) {
        const name = operationName(call.scope, call.kernel);
        labels.set(name, labelOf(call));
        yield { name, ...time, stats: { flops: call.flops, bytes_accessed: call.bytes } };
      }
    }
  }
}

/** `scope/of/the/call/kernel:Kernel`: the form in which the plugin takes an event for an operation of its tables. */
const operationName = (scope: string, kernel: string): string => {
  const path = [...(scope === '' ? [] : scope.split('.')), kernel].join('/');
  return `${path}:${kernel.charAt(0).toUpperCase()}${kernel.slice(1)}`;
};

/** What the memory profile is made of: the arena, whose plan says what lies in it during each call. */
function* memory({ steps }: RecordedTrace): Generator<Event> {
  let peak = 0;
  for (const program of steps.flatMap((step) => step.programs)) {
    const { arenaBytes } = program.plan;
    let before = 0;
    for (const { at, bytes } of memoryOf(program)) {
      peak = Math.max(peak, bytes);
      const change = bytes - before;
      before = bytes;
      const stats = {
        allocator_name: 'arena',
        bytes_allocated: bytes,
        bytes_available: arenaBytes - bytes,
        bytes_reserved: program.plan.stateBytes,
        peak_bytes_in_use: peak,
        requested_bytes: Math.abs(change),
        allocation_bytes: Math.abs(change),
      };
      yield { name: change > 0 ? 'MemoryAllocation' : 'MemoryDeallocation', began: at, seconds: 0, stats };
    }
  }
}
