/**
 * What each benchmark is, how many threads it takes unless told, and for how many seconds a case is measured at most.
 * `spareCores` are for what runs beside the engine's threads; `also` are further runs that `all` does.
 */
export const benchmarks = {
  gemm: {
    summary: 'matrix products of a training step and what follows them, GFLOP/s',
    ...{ threads: 1, seconds: 5, also: [{ threads: 2 }] },
  },
  conv: {
    summary: 'causal convolutions beside products of the same FLOPs, GFLOP/s; growth of time',
    threads: 1,
    seconds: 5,
  },
  rows: {
    summary: 'norms, softmax, GELU, cross entropy, AdamW, in cache and streaming: ns per element',
    ...{ threads: 1, seconds: 4 },
  },
  attention: {
    summary: 'causal attention, forward and backward, GFLOP/s; in chunks: growth of time and memory, speed beside full',
    ...{ threads: 1, seconds: 8 },
  },
  train: { summary: 'whole training steps of four transformers, positions/s', threads: 1, seconds: 80 },
  threads: {
    summary: 'a training step on two threads over one, beside what the machine gives',
    threads: 2,
    seconds: 40,
  },
  quality: { summary: 'bits per byte and wall time of a whole small training', threads: 2, seconds: 0, apart: true },
  precision: {
    summary: 'the same training in float32 and in bf16: losses along the way, planned memory',
    ...{ threads: 2, seconds: 0, apart: true },
  },
  variants: {
    summary: 'flat, in chunks, reversible, halting, patched: bits per byte after the same time',
    ...{ threads: 2, seconds: 120, apart: true },
  },
  claims: {
    summary: 'claims of the project that olmax follows: growth of costs, norms, mixing, depth',
    ...{ threads: 2, seconds: 60, apart: true, markdown: true },
  },
  decode: { summary: 'generation with a key/value cache, positions/s', threads: 1, seconds: 40 },
  act: {
    summary:
      'decoding of positions that halt at half the layers, over full depth; a training with halting and one without',
    ...{ threads: 1, seconds: 60 },
  },
  rings: { summary: 'decoding of olmax far into a text over that near its start', threads: 1, seconds: 20 },
  moe: { summary: 'a mixture of 64 experts over one of 4 and over a dense layer', threads: 1, seconds: 15 },
  large: { summary: 'a 40-layer model: trains, is killed, resumes, decodes; memory', threads: 2, seconds: 20 },
  memory: { summary: 'memory of a training step of an 8 x 256 transformer', threads: 1, seconds: 0 },
  startup: { summary: 'import, first native call, compile time', threads: 1, seconds: 15 },
  loop: { summary: 'the longest block of the event loop while steps run, ms', threads: 1, seconds: 15, spareCores: 1 },
};
