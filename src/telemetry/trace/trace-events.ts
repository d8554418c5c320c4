import { labelOf, memoryOf, type RecordedProgram, type RecordedTrace, slicesOf } from './recorded.js';

const [PROCESS, THREAD] = [1, 1];
const microseconds = (seconds: number): number => seconds * 1e6;

/**
 * A trace in the trace event format (JSON) that Perfetto (ui.perfetto.dev) opens, in pieces to write one after the other:
 * steps, in them the calls into the engine, in those the kernel calls; and counters of memory.
 */
export function* traceEventPieces(trace: RecordedTrace): Generator<string> {
  yield `{"displayTimeUnit":"ms","traceEvents":[\n${JSON.stringify(nameOf('process_name', trace.name))}`;
  yield `,\n${JSON.stringify({ ...nameOf('thread_name', 'training'), tid: THREAD })}`;
  for (const { step, began, ended, programs } of trace.steps) {
    const events = [slice(`step ${step}`, 'step', began, ended - began, { step }), ...programs.flatMap(eventsOf)];
    yield events.map((event) => `,\n${JSON.stringify(event)}`).join('');
  }
  yield '\n]}\n';
}

const nameOf = (what: string, name: string) => ({ name: what, ph: 'M', pid: PROCESS, args: { name } });

const slice = (name: string, category: string, began: number, seconds: number, args: object) => ({
  ...{ name, cat: category, ph: 'X', ts: microseconds(began), dur: microseconds(seconds) },
  ...{ pid: PROCESS, tid: THREAD, args },
});

const counter = (name: string, at: number, bytes: number) => ({
  ...{ name, ph: 'C', ts: microseconds(at), pid: PROCESS, args: { bytes } },
});

const eventsOf = (program: RecordedProgram): object[] => {
  const { name, began, ended, plan } = program;
  const calls = [...slicesOf(program)].map(({ call, ...time }) => {
    const { ops, shape, flops, bytes, scope } = call;
    const args = { scope, ops: ops.join(' '), shape: shape.join(' x '), flops, bytes };
    return slice(labelOf(call), call.kernel, time.began, time.seconds, args);
  });
  return [
    slice(name, 'program', began, ended - began, {}),
    ...calls,
    counter('state', began, plan.stateBytes),
    counter('planned peak', began, plan.peakBytes),
    ...[...memoryOf(program)].map(({ at, bytes }) => counter('arena in use', at, bytes)),
  ];
};
