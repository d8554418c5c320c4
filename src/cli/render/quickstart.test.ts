import { expect, it } from 'vitest';
import { quickstartReport } from './quickstart.js';

it('tells the bits per byte beside the compressors, the sample, the run and what to try next', () => {
  const text = quickstartReport(
    {
      validation: { bitsPerByte: 2.4, bytes: 120_000, context: 128 },
      compressors: { gzip: 3.3, bzip2: 2.9, xz: 3, zstd: { missing: 'zstd is not installed' } },
      seconds: 62,
      bytesPerSecond: 1e5,
      gflops: 80,
      peakShare: null,
      parameters: 869_631,
      sample: 'The whale\n\nsurfaced\n',
    },
    'quickstart',
    'runs/quickstart',
  );
  expect(text).toMatch(/20% smaller than xz -9e/);
  expect(text).toMatch(/this model +2\.400 bits per byte/);
  expect(text).toMatch(/ {2}The whale\n\n {2}surfaced\n/);
  expect(text).toMatch(/run +runs\/quickstart/);
  expect(text).toMatch(/npx nonet generate quickstart --prompt/);
});
