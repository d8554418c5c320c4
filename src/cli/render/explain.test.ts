import { expect, it } from 'vitest';
import { explainTable } from './explain.js';

const call = { scope: 'blocks.0', shape: [4, 8], bytes: 128, attached: false, expectedSeconds: 1e-3 };

it('shows every call with what it does, and the sums', () => {
  const text = explainTable([
    { ...call, kernel: 'gemm', ops: ['matmul'], flops: 2e6, seconds: 2e-3 },
    { ...call, kernel: 'rowProgram', ops: ['add', 'mul', 'sum', 'exp', 'log'], flops: 0, attached: true, seconds: 0 },
  ]);
  const [head, product, program, total] = text.split('\n');
  expect(head).toMatch(/expected +measured/);
  expect(product).toMatch(/^gemm +blocks\.0 +matmul +4 x 8 +2\.0 MFLOP +128 B/);
  expect(program).toMatch(/^\+ rowProgram .* add mul sum exp and 1 more/);
  expect(total).toMatch(/^2 calls/);
});

it('leaves the measured column out before a profile', () => {
  expect(explainTable([{ ...call, kernel: 'copy', ops: [], flops: 0 }])).not.toContain('measured');
});
