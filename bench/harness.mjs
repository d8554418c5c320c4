/** Samples shorter than this are repeated within one measurement. */
const leastSample = 0.02;
/** Kept samples of every competitor after which a race may end early, and rounds that it has at least. */
const wanted = 25;
/** Fewer kept samples than this say nothing. */
const leastKept = 3;
const mostRepetitions = 1 << 20;
/**
 * Milliseconds after which a competitor that waited for its turn is cold: systems take apart the huge pages of a process that
 * idles, and put them together again while it runs.
 */
const idle = 5000;
/** Seconds of a repetition that needs no second one to be warm. */
const warm = 2;

/**
 * Measures competitors in turns, so that phases of a noisy machine meet all of them alike.
 *
 * @param competitors `{ name, pid?, run(n) }`; `run` does the work `n` times and resolves to the seconds that took
 * @returns a map from name to `{ seconds, kept, taken, gated }`, seconds of one repetition; see `estimate`
 */
export const race = async (competitors, { gate, seconds, leastRounds = 3, quick = false }) => {
  const entries = [];
  for (const competitor of competitors) {
    const repetitions = await calibrate(competitor, quick);
    entries.push({ ...competitor, samples: [], repetitions, ran: performance.now() });
  }
  const end = performance.now() + seconds * 1000;
  const enough = (rounds) => {
    if (quick) return rounds >= 1;
    if (rounds < leastRounds) return false;
    return performance.now() >= end || entries.every(({ samples }) => samples.filter(gate.judge).length >= wanted);
  };
  for (let round = 0; !enough(round); round++) {
    // Another one begins each round: nobody always follows the same neighbour.
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(round + i) % entries.length];
      if (performance.now() - entry.ran > idle) await entry.run(1);
      const { seconds: total, ...facts } = await gate.take(
        () => entry.run(entry.repetitions),
        entry.pid ?? process.pid,
      );
      entry.samples.push({ seconds: total / entry.repetitions, ...facts });
      entry.ran = performance.now();
    }
  }
  // Quiet samples of one against noisy samples of another would be no comparison: all are gated or none.
  const gated = entries.every(({ samples }) => samples.filter(gate.judge).length >= leastKept);
  return new Map(entries.map(({ name, samples }) => [name, estimate(samples, gate.judge, gated)]));
};

/**
 * The time at the border of the lowest third of the samples (of the kept ones if `gated`), which neither a lucky one nor
 * the noisy ones decide.
 */
export const estimate = (samples, judge, gated) => {
  const kept = samples.filter(judge);
  const times = (gated ? kept : samples).map(({ seconds }) => seconds).sort((a, b) => a - b);
  return { seconds: times[Math.floor(times.length / 3)], kept: kept.length, taken: samples.length, gated };
};

/** Repetitions that make a sample long enough; runs a competitor twice, so that it is warm, unless that takes long. */
const calibrate = async ({ run }, quick) => {
  const first = await run(1);
  if (quick || first >= warm) return 1;
  let n = 1;
  for (;;) {
    const seconds = await run(n);
    if (seconds >= leastSample || n >= mostRepetitions) return n;
    const factor = Math.ceil((1.2 * leastSample) / Math.max(seconds, leastSample / 64));
    n = Math.min(mostRepetitions, n * Math.max(2, factor));
  }
};

/** Times an asynchronous call: seconds. */
export const timed = async (call) => {
  const start = performance.now();
  await call();
  return (performance.now() - start) / 1000;
};

/** The middle of some numbers, the lower one of two. */
export const median = (values) => [...values].sort((a, b) => a - b)[(values.length - 1) >> 1];
