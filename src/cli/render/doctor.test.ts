import { describe, expect, it } from 'vitest';
import { doctorReport } from './doctor.js';

const machine = {
  node: 'v20.0.0',
  platform: 'linux x64',
  cpu: 'Some CPU',
  cores: 2,
  memory: { total: 8e9, available: 4e9 },
};
const native = {
  isa: 'avx2',
  available: ['avx2', 'baseline'],
  threads: 2,
  bf16: 'avx512bf16',
  availableBf16: ['avx512bf16', 'f32', 'emulated-amx', 'emulated-avx512bf16'],
  fma: 100,
  gemm: 75,
  gemmSize: 768,
  bandwidths: [{ bytes: 16384, read: 90, copy: 120 }],
  secondThread: { fma: 1.9, gemm: 1.8, l2: 2, l3: 1.7, memory: 1.2 },
};

describe('doctorReport', () => {
  it('tells what was chosen and what was measured', () => {
    const text = doctorReport({ ...machine, native });
    expect(text).toMatch(/engine +native, avx2 \(this processor has avx2, baseline\)/);
    expect(text).toMatch(
      /bf16 products +AVX512-BF16 dot products \(here are AVX512-BF16 dot products, f32 kernels, widened on the way\)/,
    );
    expect(text).toMatch(/GEMM +75\.0 GFLOP\/s, one thread, 768 x 768: 75\.0% of the peak/);
    expect(text).toMatch(/16\.4 kB +90\.0 GB\/s read, 120 GB\/s copied/);
    expect(text).toMatch(
      /second thread +1\.90x FMA, 1\.80x GEMM; reading 2\.00x from L2, 1\.70x from L3, 1\.20x from memory/,
    );
  });

  it('says why there is no native engine and how to get one', () => {
    const text = doctorReport({ ...machine, native: null, reason: 'Cannot find module' });
    expect(text).toMatch(/plain TypeScript.*Cannot find module.*C\+\+ compiler/);
    expect(text).not.toMatch(/GEMM/);
  });

  it('knows machines with one core', () => {
    expect(doctorReport({ ...machine, native: { ...native, secondThread: null } })).toMatch(/second thread +none/);
  });
});
