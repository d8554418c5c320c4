// What the kernels of one instruction set offer to the executor: plain structs and one table of function pointers.
// Included by both sides, outside the per-ISA namespaces. All matrices are float32 and row-major; strides count floats.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bf16.h"
#include "moves.h"
#include "row_program.h"

namespace nonet {

// C[m,n] = sum over k of A[m,k] * B[k,n], added to what C holds if `accumulate`.
//
// The bits of an element depend only on its row of A, its column of B and K: products are added in order of k inside
// blocks whose size is a function of K, block totals are added in order, and `accumulate` adds the finished sum to the
// old value in one rounding. Packing, transposes, tile remainders, tasks and threads change nothing.
struct GemmArgs {
  long m, n, k;
  const float* a;  // [m, k], or [k, m] if transA; its rows may overlap (lda below its width)
  long lda;
  bool transA;
  const float* b;  // [k, n], or [n, k] if transB; may be null when packedB is given
  long ldb;
  bool transB;
  const float* packedB;  // what gemmPackB wrote for this (k, n), or null
  float* c;              // [m, n]
  long ldc;
  bool accumulate;
  // B of the call after this one, of the same shape, from its first column on; or null. It is fetched meanwhile where there
  // are so few rows that reading B takes a part of the time.
  const float* nextB;
};

// Softmax attention of one tensor of queries on one of keys and values, [batch, position, head, headDim] by strides.
// Key j is visible to query i iff j < keyLength[batch] and (not causal or j <= i + queryOffset[batch]).
// A query that sees no key gets o = 0 and lse = -inf; keys and values at or behind keyLength are never read.
struct AttentionStrides {
  long batch, position, head;  // in floats; the elements of one head are adjacent
};
struct AttentionArgs {
  long batch, heads, queries, keys, headDim;  // 1 <= headDim <= 256
  const float* q;
  const float* k;
  const float* v;
  float* o;    // read by the backward kernel
  float* lse;  // [batch, heads, queries]: natural log of the sum of exp(scale * q.k); read by the backward kernel
  AttentionStrides qStrides, kStrides, vStrides, oStrides;
  bool causal;
  float scale;
  const int32_t* keyLength;    // [batch] live keys, clamped to 0..keys; null: all
  const int32_t* queryOffset;  // [batch] absolute position of query 0; null: 0
  // Positions [c * chunk, (c + 1) * chunk) see those and `overlap` more on either side; with chunk 0 there are no chunks.
  long chunk, overlap;
};
// Gradients; dq, dk, dv are overwritten wholly (dk, dv behind keyLength with zeros).
struct AttentionGradientArgs {
  AttentionArgs forward;
  const float* dO;
  AttentionStrides dOStrides;
  float* dq;
  float* dk;
  float* dv;
  AttentionStrides dqStrides, dkStrides, dvStrides;
};

// Rotary positions of x [batch, length, heads, headDim]; the tables are [length, headDim / 2], `tableBatch` floats apart
// for each batch entry (0: the same for all). y may be x.
struct RotaryArgs {
  long batch, length, heads, headDim;
  long tableBatch;
  AttentionStrides xStrides, yStrides;
  const float* x;
  const float* cosine;
  const float* sine;
  float* y;
};

// Scratch buffers are per thread, aligned to 64 bytes, their contents of no meaning between calls. Every size and task
// function looks at shapes and flags only, never at data pointers (but for whether packedB is null).
struct KernelTable {
  const char* isa;        // "avx512", "avx2", "neon" or "baseline"
  int vectorFloats;       // floats in a vector
  bool fusedMultiplyAdd;  // whether fma_ rounds once

  // Peak of this instruction set on the calling thread, in GFLOP/s: independent multiply-adds in registers for about
  // `seconds`, the best of many short stretches.
  double (*fmaProbe)(double seconds);
  // Reads this many floats, a multiple of 32, once; what it returns depends on all of them.
  float (*readProbe)(const float* data, long floats);

  // GEMM. `gemm` computes rows [rowBegin, rowEnd) x columns [colBegin, colEnd) of C; colBegin must be a multiple of
  // gemmPanelColumns. gemmTaskShape gives the preferred rectangle of a task.
  long gemmPanelColumns;
  void (*gemm)(const GemmArgs& args, long rowBegin, long rowEnd, long colBegin, long colEnd, void* scratch);
  void (*gemmTaskShape)(const GemmArgs& args, long* rows, long* columns);
  size_t (*gemmScratchBytes)(const GemmArgs& args);
  // Packs columns [colBegin, colEnd) of B ([k, n], or [n, k] if transB) into `packed` (gemmPackedBytes(k, n) bytes,
  // aligned to 64); colBegin must be a multiple of gemmPanelColumns. Ranges may be packed by different threads.
  size_t (*gemmPackedBytes)(long k, long n);
  void (*gemmPackB)(const float* b, long ldb, bool transB, long k, long n, float* packed, long colBegin, long colEnd);
  // The same for a B that is stored [taps, n, k / taps]: its rows are those of the last tap, transposed, and so on back.
  void (*gemmPackTaps)(const float* b, long taps, long k, long n, float* packed, long colBegin, long colEnd);

  // Products of bf16 matrices in float32 tiles; see bf16.h for the units that do it better.
  const Bf16Gemm* bf16;

  // Attention. Tasks [taskBegin, taskEnd) of attention*Tasks(args); tasks write disjoint memory.
  long (*attentionForwardTasks)(const AttentionArgs& args);
  size_t (*attentionForwardScratchBytes)(const AttentionArgs& args);
  void (*attentionForward)(const AttentionArgs& args, long taskBegin, long taskEnd, void* scratch);
  long (*attentionBackwardTasks)(const AttentionArgs& args);
  size_t (*attentionBackwardScratchBytes)(const AttentionArgs& args);
  void (*attentionBackward)(const AttentionGradientArgs& args, long taskBegin, long taskEnd, void* scratch);

  // Rows [begin, end) of batch * length.
  void (*rotary)(const RotaryArgs& args, long begin, long end);

  // Row programs, random numbers, gather and scatter: fields filled by addRowKernels (rows.h).
  const RowKernels* rows;
  const MoveKernels* moves;
};

// One per archive; call only what the CPU has.
const KernelTable* kernelTable_baseline();
#if defined(__x86_64__) || defined(_M_X64)
const KernelTable* kernelTable_avx2();
const KernelTable* kernelTable_avx512();
#elif defined(__aarch64__)
const KernelTable* kernelTable_neon();
#endif

}  // namespace nonet
