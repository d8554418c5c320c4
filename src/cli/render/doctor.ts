import { formatBytes, formatPercent, formatRate } from '../../core/format.js';
import type { MachineReport, NativeReport } from '../machine-report.js';
import { facts } from './table.js';

/** What `nonet doctor` prints for people. */
export const doctorReport = (report: MachineReport): string =>
  facts([
    ['Node', `${report.node} on ${report.platform}`],
    ['processor', report.cpu],
    ['cores', String(report.cores)],
    [
      'memory',
      `${formatBytes(report.memory.available)} free of ${formatBytes(report.memory.total)}, limits of a container counted`,
    ],
    ['engine', engine(report)],
    ...(report.native ? nativeFacts(report.native) : []),
  ]);

const engine = ({ native, reason }: MachineReport): string =>
  native
    ? `native, ${native.isa} (this processor has ${native.available.join(', ')})`
    : `plain TypeScript, hundreds of times slower: ${reason ?? 'no native build'}. Install a C++ compiler, make and python3, then run "npm run build"`;

const nativeFacts = (native: NativeReport): [string, string][] => {
  const { fma, gemm, gemmSize, bandwidths, secondThread } = native;
  const size = `${gemmSize} x ${gemmSize}`;
  return [
    ['bf16 products', bf16Products(native)],
    ['FMA peak', `${formatRate(fma * 1e9, 'FLOP')}, one thread`],
    ['GEMM', `${formatRate(gemm * 1e9, 'FLOP')}, one thread, ${size}: ${formatPercent(gemm / fma)} of the peak`],
    ...bandwidths.map(({ bytes, read, copy }): [string, string] => [
      formatBytes(bytes),
      `${formatRate(read * 1e9, 'B')} read, ${formatRate(copy * 1e9, 'B')} copied`,
    ]),
    [
      'second thread',
      secondThread === null
        ? 'none on this machine'
        : `${times(secondThread.fma)} FMA, ${times(secondThread.gemm)} GEMM; reading ${times(secondThread.l2)} from L2, ` +
          `${times(secondThread.l3)} from L3, ${times(secondThread.memory)} from memory`,
    ],
  ];
};

const carriers: Readonly<Record<string, string>> = {
  amx: 'AMX tiles',
  avx512bf16: 'AVX512-BF16 dot products',
  f32: 'f32 kernels, widened on the way',
};

/** Emulations of units are for tests: named when they are what runs, not offered. */
const bf16Products = ({ bf16, availableBf16 }: NativeReport): string => {
  const offered = availableBf16.filter((name) => name in carriers).map((name) => carriers[name]);
  return `${carriers[bf16] ?? bf16} (here are ${offered.join(', ')})`;
};

const times = (factor: number): string => `${factor.toFixed(2)}x`;
