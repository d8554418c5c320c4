import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fittingKernels, peerEnvironment, startPeer } from './process.mjs';

/** The system's Python first: that is where the distribution's package of PyTorch goes. */
const candidates = ['/usr/bin/python3', 'python3'];
let found;

/** A Python that has PyTorch, or null. */
export const torchPython = () => {
  if (found === undefined) {
    const has = (python) => spawnSync(python, ['-c', 'import torch']).status === 0;
    found = candidates.find(has) ?? null;
  }
  return found;
};

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

export const scriptPath = (script) => fileURLToPath(new URL(script, import.meta.url));

/** Starts a peer written in Python; nothing where there is no PyTorch. */
export const torchPeer = async ({ script, threads, env = {} }) => {
  const python = torchPython();
  if (!python) return undefined;
  return startPeer({ command: python, args: [scriptPath(script)], env: peerEnvironment(threads, env) });
};
