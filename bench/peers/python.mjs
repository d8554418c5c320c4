import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fittingKernels, peerEnvironment, startPeer } from './process.mjs';

/** Where setup.sh puts the newest releases. */
const newestFolder = fileURLToPath(new URL('../../.peers/', import.meta.url));
const newestPython = `${newestFolder}venv/bin/python`;

/** Pythons to look in. Of those of the system the first is where the distribution's package of PyTorch goes. */
const candidates = {
  distribution: ['/usr/bin/python3', 'python3'],
  newest: existsSync(newestPython) ? [newestPython] : [],
};
const found = new Map();

/** A Python that has a module, or null. */
const pythonWith = (module, source = 'distribution') => {
  const key = `${source}/${module}`;
  if (!found.has(key)) {
    const look = `import importlib.util, sys; sys.exit(importlib.util.find_spec("${module}") is None)`;
    const has = (python) => spawnSync(python, ['-c', look]).status === 0;
    found.set(key, candidates[source].find(has) ?? null);
  }
  return found.get(key);
};

/** A Python with the distribution's PyTorch or with the newest one, or null. */
export const torchPython = () => pythonWith('torch');
export const newestTorchPython = () => pythonWith('torch', 'newest');

/** Keeps glibc from returning large buffers to the kernel after every step, which costs PyTorch a third of its speed. */
const tunedMalloc = {
  MALLOC_MMAP_THRESHOLD_: '4000000000',
  MALLOC_TRIM_THRESHOLD_: '8000000000',
  MALLOC_TOP_PAD_: '268435456',
};

/** What makes PyTorch fast that it does not do by itself. */
export const tunedEnvironment = (isa) => ({ ...tunedMalloc, ...fittingKernels(isa) });
export const tunedNote =
  'PyTorch is as installed; "tuned" keeps freed memory and tells OpenBLAS which kernels suit this CPU.';

/** The newest releases are builds for graphics cards: they are to use none. Their memory is tuned as well. */
const newestEnvironment = {
  ...tunedMalloc,
  CUDA_VISIBLE_DEVICES: '',
  JAX_PLATFORMS: 'cpu',
  TORCHINDUCTOR_CACHE_DIR: `${newestFolder}inductor`,
  TORCHINDUCTOR_COMPILE_THREADS: '1',
};

export const scriptPath = (script) => fileURLToPath(new URL(script, import.meta.url));

/** How a peer written in Python is started, with `script` and its words; nothing where its Python is missing. */
const pythonPeer =
  (module, source) =>
  (script, { words = [], env = {} } = {}) =>
  ({ threads }) => {
    const python = pythonWith(module, source);
    if (!python) return undefined;
    const extra = source === 'newest' ? { ...newestEnvironment, ...env } : env;
    return startPeer({ command: python, args: [scriptPath(script), ...words], env: peerEnvironment(threads, extra) });
  };

export const torch = pythonPeer('torch', 'distribution');
export const newestTorch = pythonPeer('torch', 'newest');
export const jax = pythonPeer('jax', 'newest');
