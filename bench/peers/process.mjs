import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * A peer in a process of its own that stays alive, so that its samples can alternate with ours. Lines it reads and answers:
 *
 *     (start)         ready VERSION
 *     case WORDS...   ok, or "failed REASON" where it cannot do that case but perhaps another one
 *     run N           seconds that N repetitions took
 */
export const startPeer = async ({ command, args = [], env }) => {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-2000);
  });
  // A peer that ends early breaks the pipe; how it ended is told below.
  child.stdin.on('error', () => {});
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${code}`}`));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (to) => {
    const { value, done } = await lines.next();
    if (!done) return value;
    const reason = await ended;
    throw new Error(`peer ${[command, ...args].join(' ')}: ${reason} at "${to}"\n${said.trim()}`);
  };
  const ask = (line) => {
    child.stdin.write(`${line}\n`);
    return answer(line);
  };
  const version = (await answer('start')).replace(/^ready /, '');
  return {
    version,
    pid: child.pid,
    case: async (...words) => {
      const line = await ask(`case ${words.join(' ')}`);
      if (line !== 'ok') throw new Error(`peer ${args[0] ?? command}: ${line}`);
    },
    run: async (n) => {
      const line = await ask(`run ${n}`);
      const seconds = Number(line);
      if (!(seconds > 0)) throw new Error(`peer ${command}: "run" was answered with "${line}"`);
      return seconds;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
};

/**
 * OpenBLAS picks kernels by model numbers that it knows, and on a newer CPU falls back to those of a Pentium 4. This names
 * the ones for an instruction set of nonet, so that there is a comparison with the library at its best.
 */
export const fittingKernels = (isa) => {
  const core = { avx512: 'SkylakeX', avx2: 'Haswell' }[isa];
  return core === undefined ? {} : { OPENBLAS_CORETYPE: core };
};

/** The environment of a peer: as many threads as nonet has, and no hand-tuned settings of a user. */
export const peerEnvironment = (threads, extra = {}) => {
  const { OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE, ...rest } = process.env;
  const count = String(threads);
  return { ...rest, OMP_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count, ...extra };
};
