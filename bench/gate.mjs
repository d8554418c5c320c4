import { readdirSync, readFileSync } from 'node:fs';

/** A probe must reach this share of the best one seen for its sample to count. */
const enough = 0.93;
/** Share of a sample that its threads may spend waiting for a core. */
const mostWaiting = 0.05;

/**
 * Tells samples that were taken on an undisturbed core from others: a short probe of multiply-adds before and after each
 * must be near the best one ever seen, and the threads at work must not have waited for a core meanwhile.
 *
 * @param probe resolves to GFLOP/s of a few microseconds of multiply-adds
 */
export const createGate = async (probe, { warmUp = 200, waited = waitedSeconds } = {}) => {
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
      const waitedBefore = waited(pid);
      const seconds = await sample();
      const waiting = (waited(pid) - waitedBefore) / seconds;
      const after = await look();
      return { seconds, probe: Math.min(before, after), waiting };
    },
    judge: ({ probe: rate, waiting }) => rate >= enough * best && waiting <= mostWaiting,
  };
};

/** Seconds that all threads of a process have spent ready to run but without a core; 0 where the system does not say. */
const waitedSeconds = (pid) => {
  const tasks = `/proc/${pid}/task`;
  try {
    let nanoseconds = 0;
    for (const task of readdirSync(tasks)) {
      nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[1]);
    }
    return nanoseconds / 1e9;
  } catch {
    return 0;
  }
};
