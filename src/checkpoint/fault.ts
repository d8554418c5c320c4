/** The places inside saving at which a test can end the process. */
export type FaultPoint =
  | 'save:before-write'
  | 'save:half-written'
  | 'save:after-fsync'
  | 'save:after-rename'
  | 'save:before-latest'
  | 'save:after-latest';

/** How often this process passed each point; counted only while `NONET_FAULT` is set. */
const passed = new Map<FaultPoint, number>();

/**
 * Kills this process with SIGKILL, as a power cut or the out-of-memory killer would, when the environment variable
 * `NONET_FAULT` is `<point>` or `<point>:<count>` and the point is passed for the count-th time. Otherwise it does
 * nothing.
 */
export function faultPoint(point: FaultPoint): void {
  const wanted = process.env.NONET_FAULT;
  if (!wanted) return;
  const [, name, count] = /^(.*?)(?::(\d+))?$/.exec(wanted) ?? [];
  if (name !== point) return;
  const times = (passed.get(point) ?? 0) + 1;
  passed.set(point, times);
  if (times !== Number(count ?? 1)) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal may reach another thread of the process first: nothing more must happen here meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
