import { requireThreads } from '../core/threads.js';
import type { Executor } from './executor.js';
import { loadAddon } from './native/addon.js';
import { NativeExecutor } from './native/executor.js';
import { ReferenceExecutor } from './reference/executor.js';

/**
 * Native threads of all programs from now on; undefined leaves what the environment says. Never changes a result. Throws
 * `E_CONFIG` for a number that the native core cannot start.
 */
export const setThreads = (threads: number | undefined): void => {
  const executor = defaultExecutor();
  if (threads === undefined) return;
  requireThreads(threads, 'threads');
  if (executor instanceof NativeExecutor) executor.threads = threads;
};

let chosen: Executor | undefined;

/**
 * The native executor, or the reference executor with one warning where there is no native build. `NONET_EXECUTOR=reference`
 * asks for the latter.
 */
export const defaultExecutor = (): Executor => {
  chosen ??= choose();
  return chosen;
};

const choose = (): Executor => {
  if (process.env.NONET_EXECUTOR === 'reference') return new ReferenceExecutor();
  const { addon, reason } = loadAddon();
  if (addon) return new NativeExecutor(addon);
  process.stderr.write(
    `warning: the native engine is not available (${reason}); computing in plain TypeScript, hundreds of times slower. ` +
      'Install a C++ compiler, make and python3, then run "npm run build".\n',
  );
  return new ReferenceExecutor();
};
