// A row program in the form in which the kernels run it: what the decoder (core/row_decode.cpp) makes of the program
// words. Included by both sides, outside the per-ISA namespaces.
//
// A program computes over a matrix of `rows` x `columns` elements, block by block. Every slot is a full matrix, one
// value per row, one per column or a scalar; a slot is a register (in scratch, for one block) or memory that is used in
// place. Memory of other forms (narrow types, broadcasts, permuted rows) passes through registers by load and store.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace nonet {

enum class DType : uint8_t { f32 = 0, f64 = 1, bf16 = 2, i32 = 3, u8 = 4, boolean = 5 };

enum class RowShape : uint8_t { full, row, column, scalar, sum };

enum class RowOp : uint8_t {
  convert = 1,
  negate = 10, absolute = 11, exp = 12, log = 13, log1p = 14, sqrt = 15, rsqrt = 16, reciprocal = 17, tanh = 18,
  sigmoid = 19, sin = 20, cos = 21, floor = 22, isFinite = 23, softplus = 24, gelu = 25, logicalNot = 26,
  add = 40, subtract = 41, multiply = 42, divide = 43, max = 44, min = 45, less = 46, lessEqual = 47, equal = 48,
  bitAnd = 49, bitOr = 50, bitXor = 51, shiftLeft = 52, shiftRight = 53, geluGradient = 54, pow = 55,
  select = 60, multiplyAdd = 61, scaleRowColumn = 62, mulAdd2 = 63,
  affine = 70, maxImmediate = 71, constant = 72,
  rowSum = 80, rowMax = 81, rowDot = 82, rowArgmax = 84,
  columnSum = 90, columnDot = 91,
  uniform = 100, normal = 101,
  // Written by the decoder alone.
  load = 200, store = 201, convertToBool = 202,
};

// Rows are summed over in chunks of this many, whatever the block, the task and the thread; chunks are added in order.
constexpr long kSumChunkRows = 64;

struct RowSlot {
  RowShape shape;
  DType type;        // of the values that instructions see: f32, f64 or i32
  DType memoryType;  // of the elements in memory
  int32_t operand;   // index of the memory operand; -1: a register
  int32_t partial;   // sums: index of the operand that holds one row of partial sums per chunk
  long columns;      // sums: columns of the result (1 when one value per row is summed)
  size_t offset;     // registers: byte offset in scratch
  // Memory: row r = (i0 * n1 + i1) * n2 + i2 begins at element i0 * s0 + i1 * s1 + i2 * s2, its columns are `columnStride`
  // (0 or 1) apart. Memory that is used in place has rows `rowStride` apart.
  long n0, n1, n2, s0, s1, s2, columnStride, rowStride;
};

struct RowInstruction {
  RowOp op;
  DType type;  // of the computation
  int16_t dst, a, b, c;
  double x, y;
};

struct RowProgram {
  long rows, columns;
  long blockRows, blockColumns;
  const RowSlot* slots;
  long slotCount;
  const RowInstruction* code;
  long codeCount;
};

struct RowKernels {
  // Runs rows [rowBegin, rowEnd) and columns [columnBegin, columnEnd) of a program. `operands` are the base addresses of
  // the memory operands. With sums, rowBegin is a multiple of kSumChunkRows or follows on from the call before it.
  void (*run)(const RowProgram& program, void* const* operands, long rowBegin, long rowEnd, long columnBegin,
              long columnEnd, void* scratch);
  // Adds the partial sums of the first `chunks` chunks into the result, for columns [columnBegin, columnEnd) of a sum.
  void (*finishSum)(const RowSlot& sum, void* const* operands, long chunks, long columnBegin, long columnEnd);
};

}  // namespace nonet
