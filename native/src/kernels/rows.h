// Row programs: the interpreter. A block of rows goes through all instructions while it is in cache.
#pragma once

#include "rows_loops.h"
#include "random.h"
#include "rows_elementwise.h"
#include "rows_convert.h"
#include "rows_reduce.h"
#include "gather.h"
#include "copy.h"

NONET_INLINE long bytesOf(DType type) {
  switch (type) {
    case DType::f64: return 8;
    case DType::bf16: return 2;
    case DType::u8:
    case DType::boolean: return 1;
    default: return 4;
  }
}

struct RowBlock {
  const RowProgram& program;
  void* const* operands;
  char* scratch;
  long row, rows, column, columns;
};

// Where a slot's part of the block begins.
static RowArgument argumentOf(const RowBlock& block, int index) {
  if (index < 0) return {nullptr, 0, true};
  const RowSlot& slot = block.program.slots[index];
  const bool memory = slot.operand >= 0;
  char* p = memory ? (char*)block.operands[slot.operand] : block.scratch + slot.offset;
  const long size = bytesOf(slot.type);
  switch (slot.shape) {
    case RowShape::full:
      if (!memory) return {p, block.columns, false};
      return {p + (block.row * slot.rowStride + block.column) * size, slot.rowStride, false};
    case RowShape::row: return {memory ? p + block.row * size : p, 1, true};
    case RowShape::column: return {memory ? p + block.column * size : p, 0, false};
    default: return {p, 0, true};
  }
}

// An argument of an instruction whose result is one value per row: the rows take the place of columns.
static RowArgument alongRows(RowArgument argument) { return {argument.p, 0, argument.advance == 0}; }

static bool runsOn(const RowArgument& argument, long columns) {
  return argument.splat ? argument.advance == 0 : argument.advance == columns;
}

static RowLoop loopOf(const RowBlock& block, const RowInstruction& in) {
  RowLoop loop{block.rows, block.columns, argumentOf(block, in.dst), argumentOf(block, in.a), argumentOf(block, in.b),
               argumentOf(block, in.c)};
  if (block.program.slots[in.dst].shape == RowShape::row) {
    return {1, block.rows, alongRows(loop.dst), alongRows(loop.a), alongRows(loop.b), alongRows(loop.c)};
  }
  const long columns = block.columns;
  if (runsOn(loop.dst, columns) && runsOn(loop.a, columns) && runsOn(loop.b, columns) && runsOn(loop.c, columns)) {
    loop.columns *= loop.rows;  // contiguous throughout: one long row
    loop.rows = 1;
  }
  return loop;
}

static void reduceRows(const RowBlock& block, const RowInstruction& in) {
  RowLoop loop{block.rows, block.columns, argumentOf(block, in.dst), argumentOf(block, in.a), argumentOf(block, in.b), {}};
  if (in.b < 0) loop.b = loop.a;
  const bool isFloat = in.type == DType::f32, isDouble = in.type == DType::f64;
  switch (in.op) {
    case RowOp::rowSum:
      if (isFloat) sumRows<float>(loop, [](Floats a, Floats) { return a; });
      else if (isDouble) sumRows<double>(loop, [](Doubles a, Doubles) { return a; });
      else sumIntRows(loop, false);
      break;
    case RowOp::rowDot:
      if (isFloat) sumRows<float>(loop, [](Floats a, Floats b) { return a * b; });
      else if (isDouble) sumRows<double>(loop, [](Doubles a, Doubles b) { return a * b; });
      else sumIntRows(loop, true);
      break;
    case RowOp::rowMax:
      if (isFloat) maxFloatRows(loop);
      else if (isDouble) maxRows<double>(loop, -__builtin_inf());
      else maxRows<int32_t>(loop, INT32_MIN);
      break;
    default:
      if (isFloat) argmaxRows<float>(loop);
      else if (isDouble) argmaxRows<double>(loop);
      else argmaxRows<int32_t>(loop);
  }
}

static void reduceColumns(const RowBlock& block, const RowInstruction& in) {
  const RowSlot& sum = block.program.slots[in.dst];
  RowLoop loop{block.rows, block.columns, {}, argumentOf(block, in.a), argumentOf(block, in.b < 0 ? in.a : in.b), {}};
  if (sum.columns == 1 && block.program.slots[in.a].shape == RowShape::row) loop.columns = 1;
  const bool product = in.op == RowOp::columnDot;
  if (sum.type == DType::f32) {
    float* partial = (float*)block.operands[sum.partial] + block.column;
    sumColumnsOf<float, float>(loop, partial, sum.columns, block.row, product);
  } else {
    double* partial = (double*)block.operands[sum.partial] + block.column;
    if (in.type == DType::f32) sumColumnsOf<double, float>(loop, partial, sum.columns, block.row, product);
    else sumColumnsOf<double, double>(loop, partial, sum.columns, block.row, product);
  }
}

static void randomRows(const RowBlock& block, const RowInstruction& in) {
  const RowArgument dst = argumentOf(block, in.dst);
  const uint32_t key0 = *(const uint32_t*)argumentOf(block, in.a).p, key1 = *(const uint32_t*)argumentOf(block, in.b).p;
  const uint32_t stream = (uint32_t)(int64_t)in.x;
  const bool perRow = block.program.slots[in.dst].shape == RowShape::row;
  const long rows = perRow ? 1 : block.rows, columns = perRow ? block.rows : block.columns;
  for (long r = 0; r < rows; r++) {
    const int64_t first = perRow ? block.row : (block.row + r) * block.program.columns + block.column;
    const uint32_t index = (uint32_t)(first + (int64_t)in.y);
    float* d = (float*)dst.p + r * dst.advance;
    if (in.op == RowOp::uniform) randomRow(d, columns, key0, key1, index, stream, [](RandomPair w) { return uniformOf(w); });
    else randomRow(d, columns, key0, key1, index, stream, [](RandomPair w) { return normalOf(w); });
  }
}

// What of the block a slot covers, for loads and stores.
static void moveRows(const RowBlock& block, const RowInstruction& in) {
  const bool isLoad = in.op == RowOp::load;
  const RowSlot& memory = block.program.slots[isLoad ? in.a : in.dst];
  void* values = argumentOf(block, isLoad ? in.dst : in.a).p;
  const bool perRow = memory.shape == RowShape::full || memory.shape == RowShape::row;
  const bool perColumn = memory.shape == RowShape::full || memory.shape == RowShape::column;
  const long row = perRow ? block.row : 0, rows = perRow ? block.rows : 1;
  const long column = perColumn ? block.column : 0, columns = perColumn ? block.columns : 1;
  void* base = block.operands[memory.operand];
  if (isLoad) loadSlot(memory, values, base, row, rows, column, columns);
  else storeSlot(memory, values, base, row, rows, column, columns);
}

static bool isMaskOp(RowOp op) {
  return op == RowOp::isFinite || op == RowOp::less || op == RowOp::lessEqual || op == RowOp::equal;
}

static void elementwiseRows(const RowBlock& block, const RowInstruction& in) {
  const RowLoop loop = loopOf(block, in);
  switch (in.op) {
    case RowOp::convert: convertRows(block.program.slots[in.dst].type, in.type, loop); return;
    case RowOp::convertToBool: convertToBool(in.type, loop); return;
    case RowOp::select: selectRows(in, loop); return;
    case RowOp::constant:
      if (in.type == DType::f32) fillRows(loop, (float)in.x);
      else if (in.type == DType::f64) fillRows(loop, in.x);
      else fillRows(loop, (int32_t)in.x);
      return;
    default: break;
  }
  if (in.type == DType::i32) intElementwise(in, loop);
  else if (isMaskOp(in.op)) in.type == DType::f32 ? floatToMask(in, loop) : doubleToMask(in, loop);
  else if (in.type == DType::f32) realElementwise<float>(in, loop);
  else realElementwise<double>(in, loop);
}

static void runRowProgram(const RowProgram& program, void* const* operands, long rowBegin, long rowEnd, long columnBegin,
                          long columnEnd, void* scratch) {
  for (long row = rowBegin; row < rowEnd; row += program.blockRows) {
    const long rows = rowEnd - row < program.blockRows ? rowEnd - row : program.blockRows;
    for (long column = columnBegin; column < columnEnd; column += program.blockColumns) {
      const long columns = columnEnd - column < program.blockColumns ? columnEnd - column : program.blockColumns;
      const RowBlock block{program, operands, (char*)scratch, row, rows, column, columns};
      for (long i = 0; i < program.codeCount; i++) {
        const RowInstruction& in = program.code[i];
        switch (in.op) {
          case RowOp::load:
          case RowOp::store: moveRows(block, in); break;
          case RowOp::rowSum:
          case RowOp::rowMax:
          case RowOp::rowDot:
          case RowOp::rowArgmax: reduceRows(block, in); break;
          case RowOp::columnSum:
          case RowOp::columnDot: reduceColumns(block, in); break;
          case RowOp::uniform:
          case RowOp::normal: randomRows(block, in); break;
          default: elementwiseRows(block, in);
        }
      }
    }
  }
}

static void finishSum(const RowSlot& sum, void* const* operands, long chunks, long columnBegin, long columnEnd) {
  void* result = operands[sum.operand];
  const void* partial = operands[sum.partial];
  if (sum.type == DType::f32) addChunks((float*)result, (const float*)partial, sum.columns, chunks, columnBegin, columnEnd);
  else addChunks((double*)result, (const double*)partial, sum.columns, chunks, columnBegin, columnEnd);
}

static void addRowKernels(KernelTable& table) {
  static const RowKernels rows = {runRowProgram, finishSum};
  static const MoveKernels moves = {gatherRows, scatterAddRows, takeAlong, putAlong, copyPlane, fillValues};
  table.rows = &rows;
  table.moves = &moves;
}
