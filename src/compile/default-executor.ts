import type { Executor } from './executor.js';
import { loadAddon } from './native/addon.js';
import { NativeExecutor } from './native/executor.js';
import { ReferenceExecutor } from './reference/executor.js';

let chosen: Executor | undefined;

/**
 * The native executor, or the reference executor with one warning where there is no native build. `NONET_EXECUTOR=reference`
 * asks for the latter.
 */
export const defaultExecutor = (): Executor => {
  if (chosen) return chosen;
  if (process.env.NONET_EXECUTOR === 'reference') {
    chosen = new ReferenceExecutor();
    return chosen;
  }
  const { addon, reason } = loadAddon();
  if (addon) {
    chosen = new NativeExecutor(addon);
    return chosen;
  }
  process.stderr.write(
    `warning: the native engine is not available (${reason}); computing in plain TypeScript, hundreds of times slower. ` +
      'Install a C++ compiler, make and python3, then run "npm run build".\n',
  );
  chosen = new ReferenceExecutor();
  return chosen;
};
