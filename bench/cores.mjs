import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const marker = 'NONET_BENCH_CORES';

/** Numbers in a list such as `0-3,6`. */
export const parseCores = (list) =>
  list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });

/** Cores that this process may use, by number. */
export const allowedCores = () => {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return parseCores(status.match(/Cpus_allowed_list:\s*(\S+)/)[1]);
  } catch {
    return cpus().map((_, i) => i);
  }
};

/**
 * Starts this command line again, bound to as many cores as it has threads, where `taskset` can do that: the peers, its
 * children, are then bound alike. Returns the exit code of that process, or nothing where this one should go on.
 */
export const stayOnCores = (threads) => {
  const cores = allowedCores();
  if (process.env[marker] !== undefined || cores.length <= threads) return undefined;
  // The first cores serve most interrupts.
  const chosen = cores.slice(-threads).join();
  const env = { ...process.env, [marker]: chosen };
  const command = ['-c', chosen, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  if (spawnSync('taskset', ['-c', chosen, 'true']).status !== 0) return undefined;
  const { status, signal } = spawnSync('taskset', command, { env, stdio: 'inherit' });
  return signal ? 1 : (status ?? 1);
};
