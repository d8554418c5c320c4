// Kernels that move elements: what the table offers of gather.h and copy.h. Included by both sides, outside the per-ISA
// namespaces. Indices are checked by the caller, so that no kernel reads or writes outside of its operands.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace nonet {

// A plane of a strided copy: dst[r * dstRow + c * dstColumn] = src[r * srcRow + c * srcColumn], strides in elements.
struct CopyPlane {
  long rows, columns;
  long srcRow, srcColumn, dstRow, dstColumn;
};

struct MoveKernels {
  // out[r] = table[index[r]] for rows [begin, end), each `bytes` long; strides in bytes.
  void (*gatherRows)(const uint8_t* table, const int32_t* index, uint8_t* out, long begin, long end, size_t bytes,
                     size_t tableStride, size_t outStride);
  // out[index[r], c] += updates[r, c] in order of r, from zero, for columns [begin, end) of out [tableRows, columns].
  void (*scatterAddRows)(const int32_t* index, const float* updates, float* out, long rows, long columns, long tableRows,
                         long updatesStride, long begin, long end);
  // out[r, p] = x[r, index[r, p]] for rows [begin, end); out is [rows, count].
  void (*takeAlong)(const float* x, const int32_t* index, float* out, long begin, long end, long count, long xStride);
  // out[r, :] = 0, then out[r, index[r, p]] += updates[r, p] in order of p, for rows [begin, end).
  void (*putAlong)(const int32_t* index, const float* updates, float* out, long begin, long end, long columns, long count);
  void (*copyPlane)(const CopyPlane& plane, const void* src, void* dst, int elementBytes);
  // `count` elements whose bits are `pattern`.
  void (*fill)(void* dst, uint64_t pattern, int elementBytes, long count);
};

}  // namespace nonet
