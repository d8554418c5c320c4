import { readdirSync, readFileSync } from 'node:fs';

/** A probe must reach this share of the best one seen for its sample to count. */
const enough = 0.93;
/** Share of a sample that a thread at work may spend waiting for a core. */
const mostWaiting = 0.05;

/**
 * Tells samples that were taken on an undisturbed core from others: a short probe of multiply-adds before and after each
 * must be near the best one ever seen, and the threads at work must not have waited for a core meanwhile.
 *
 * @param probe resolves to GFLOP/s of a fraction of a millisecond of multiply-adds
 */
export const createGate = async (probe, { warmUp = 200, times = threadTimes } = {}) => {
  let best = 0;
  const look = async () => {
    const rate = await probe();
    best = Math.max(best, rate);
    return rate;
  };
  for (let i = 0; i < warmUp; i++) await look();
  return {
    /** Runs `sample` (to seconds) in process `pid`; `judge` is asked later, when the best probe is known. */
    async take(sample, pid) {
      const before = await look();
      const timesBefore = times(pid);
      const seconds = await sample();
      const waiting = longestWait(timesBefore, times(pid)) / seconds;
      const after = await look();
      return { seconds, probe: Math.min(before, after), waiting };
    },
    judge: ({ probe: rate, waiting }) => rate >= enough * best && waiting <= mostWaiting,
  };
};

/**
 * Seconds that a thread was ready to run but without a core. Only threads that did much of the work count: a compiler or
 * collector of the runtime that waits in the background disturbs nothing.
 */
const longestWait = (before, after) => {
  const changes = [...after].map(([thread, now]) => {
    const then = before.get(thread) ?? { ran: 0, waited: 0 };
    return { ran: now.ran - then.ran, waited: now.waited - then.waited };
  });
  const most = Math.max(...changes.map(({ ran }) => ran));
  return Math.max(0, ...changes.filter(({ ran }) => ran >= most / 2).map(({ waited }) => waited));
};

/** Seconds that each thread of a process ran and waited for a core; empty where the system does not say. */
const threadTimes = (pid) => {
  const times = new Map();
  const folder = `/proc/${pid}/task`;
  try {
    for (const thread of readdirSync(folder)) {
      const [ran, waited] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      times.set(thread, { ran: ran / 1e9, waited: waited / 1e9 });
    }
  } catch {
    // No such files, or a thread that has just ended.
  }
  return times;
};
