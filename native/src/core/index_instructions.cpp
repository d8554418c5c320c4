// Kernels that take indices: 6 gatherRows, 7 scatterAddRows, 8 takeAlong, 9 putAlong, 12 updateRows. Indices are checked
// before anything is written.
#include <string.h>

#include <algorithm>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

constexpr int64_t kTaskBytes = 1 << 18;

// `out`: what the kernel writes, which must not lie on the indices, or they would not stay as they were checked.
void checkIndices(const Execution& execution, const int32_t* index, int64_t count, int64_t limit, const Operand& out,
                  int64_t outBytes) {
  const uint8_t *begin = (const uint8_t*)index, *end = (const uint8_t*)(index + count), *written = execution.at<uint8_t>(out);
  if (begin < written + outBytes && written < end) execution.fail("writes over its own indices");
  for (int64_t i = 0; i < count; i++) {
    if (index[i] >= 0 && index[i] < limit) continue;
    execution.fail("index " + std::to_string(index[i]) + " at position " + std::to_string(i) + " lies outside of 0.." +
                   std::to_string(limit - 1));
  }
}

int64_t rowsPerTask(int64_t rowBytes) { return std::max<int64_t>(1, kTaskBytes / std::max<int64_t>(1, rowBytes)); }

class GatherRows : public Instruction {
 public:
  explicit GatherRows(InstructionReader& reader) {
    rows = reader.integer("rows");
    const int64_t columns = reader.integer("cols");
    tableRows = reader.integer("tableRows", 0, int64_t(1) << 31);
    const int64_t size = reader.integer("elementBytes", 1, 8);
    const int64_t fromStride = reader.integer("tableStride"), toStride = reader.integer("outStride");
    if (size != 1 && size != 2 && size != 4 && size != 8) reader.fail("elementBytes is not 1, 2, 4 or 8");
    if (toStride < columns) reader.fail("outStride is below the width of a row");
    table = reader.operand(0, "table");
    index = reader.operand(1, "index");
    out = reader.operand(2, "out");
    reader.check(table, "table", Access::read, size, {{tableRows, fromStride}, {columns, 1}});
    reader.check(index, "index", Access::read, 4, {{rows, 1}});
    reader.check(out, "out", Access::write, size, {{rows, toStride}, {columns, 1}});
    bytes = columns * size;
    tableStride = fromStride * size;
    outStride = toStride * size;
  }

  void run(Execution& execution) const override {
    const int32_t* indices = execution.at<int32_t>(index);
    checkIndices(execution, indices, rows, tableRows, out, rows == 0 ? 0 : (rows - 1) * outStride + bytes);
    execution.parallelRanges(rows, rowsPerTask(bytes), [&](long begin, long end, void*) {
      kernels().moves->gatherRows(execution.at<uint8_t>(table), indices, execution.at<uint8_t>(out), begin, end, bytes,
                                  tableStride, outStride);
    });
  }

 private:
  int64_t rows, tableRows, bytes, tableStride, outStride;
  Operand table, index, out;
};

class ScatterAddRows : public Instruction {
 public:
  explicit ScatterAddRows(InstructionReader& reader) {
    rows = reader.integer("rows");
    columns = reader.integer("cols");
    tableRows = reader.integer("tableRows", 0, int64_t(1) << 31);
    stride = reader.integer("updatesStride");
    index = reader.operand(0, "index");
    updates = reader.operand(1, "updates");
    out = reader.operand(2, "out");
    reader.check(index, "index", Access::read, 4, {{rows, 1}});
    reader.check(updates, "updates", Access::read, 4, {{rows, stride}, {columns, 1}});
    reader.check(out, "out", Access::write, 4, {{tableRows, columns}, {columns, 1}});
  }

  // Tasks are column ranges: each adds all updates in order, however the indices are spread.
  void run(Execution& execution) const override {
    const int32_t* indices = execution.at<int32_t>(index);
    checkIndices(execution, indices, rows, tableRows, out, columns == 0 ? 0 : tableRows * columns * 4);
    execution.parallelRanges(columns, 64, [&](long begin, long end, void*) {
      kernels().moves->scatterAddRows(indices, execution.at<float>(updates), execution.at<float>(out), rows, columns, tableRows,
                                      stride, begin, end);
    });
  }

 private:
  int64_t rows, columns, tableRows, stride;
  Operand index, updates, out;
};

class TakeAlong : public Instruction {
 public:
  explicit TakeAlong(InstructionReader& reader) {
    rows = reader.integer("rows");
    columns = reader.integer("cols");
    count = reader.integer("count");
    stride = reader.integer("xStride");
    x = reader.operand(0, "x");
    index = reader.operand(1, "index");
    out = reader.operand(2, "out");
    reader.check(x, "x", Access::read, 4, {{rows, stride}, {columns, 1}});
    reader.check(index, "index", Access::read, 4, {{rows, count}, {count, 1}});
    reader.check(out, "out", Access::write, 4, {{rows, count}, {count, 1}});
  }

  void run(Execution& execution) const override {
    const int32_t* indices = execution.at<int32_t>(index);
    if (count == 0) return;
    checkIndices(execution, indices, rows * count, columns, out, rows * count * 4);
    execution.parallelRanges(rows, rowsPerTask(count * 4), [&](long begin, long end, void*) {
      kernels().moves->takeAlong(execution.at<float>(x), indices, execution.at<float>(out), begin, end, count, stride);
    });
  }

 private:
  int64_t rows, columns, count, stride;
  Operand x, index, out;
};

class PutAlong : public Instruction {
 public:
  explicit PutAlong(InstructionReader& reader) {
    rows = reader.integer("rows");
    columns = reader.integer("cols");
    count = reader.integer("count");
    index = reader.operand(0, "index");
    updates = reader.operand(1, "updates");
    out = reader.operand(2, "out");
    reader.check(index, "index", Access::read, 4, {{rows, count}, {count, 1}});
    reader.check(updates, "updates", Access::read, 4, {{rows, count}, {count, 1}});
    reader.check(out, "out", Access::write, 4, {{rows, columns}, {columns, 1}});
  }

  void run(Execution& execution) const override {
    const int32_t* indices = execution.at<int32_t>(index);
    if (columns == 0) return;
    checkIndices(execution, indices, count == 0 ? 0 : rows * count, columns, out, rows * columns * 4);
    execution.parallelRanges(rows, rowsPerTask(columns * 4), [&](long begin, long end, void*) {
      kernels().moves->putAlong(indices, execution.at<float>(updates), execution.at<float>(out), begin, end, columns, count);
    });
  }

 private:
  int64_t rows, columns, count;
  Operand index, updates, out;
};

class UpdateRows : public Instruction {
 public:
  explicit UpdateRows(InstructionReader& reader) {
    batch = reader.integer("batch");
    count = reader.integer("count");
    width = reader.integer("width");
    length = reader.integer("length");
    size = reader.integer("elementBytes", 1, 8);
    rowsStride = reader.integer("rowsBatchStride");
    cacheStride = reader.integer("cacheBatchStride");
    if (size != 1 && size != 2 && size != 4 && size != 8) reader.fail("elementBytes is not 1, 2, 4 or 8");
    rows = reader.operand(0, "rows");
    position = reader.operand(1, "position");
    cache = reader.operand(2, "cache");
    reader.check(rows, "rows", Access::read, size, {{batch, rowsStride}, {count, width}, {width, 1}});
    reader.check(position, "position", Access::read, 4, {{batch, 1}});
    reader.check(cache, "cache", Access::write, size, {{batch, cacheStride}, {length, width}, {width, 1}});
  }

  void run(Execution& execution) const override {
    if (width == 0 || count == 0 || length == 0) return;
    const int32_t* positions = execution.at<int32_t>(position);
    execution.parallel(batch, rowsPerTask(count * width * size), [&](long b, void*) {
      const int64_t at = positions[b];
      const int64_t first = std::max<int64_t>(0, -at), last = std::min(count, length - at);
      if (first >= last) return;
      const int64_t bytes = width * size;
      memmove(execution.at<uint8_t>(cache) + b * cacheStride * size + (at + first) * bytes,
              execution.at<uint8_t>(rows) + b * rowsStride * size + first * bytes, (size_t)((last - first) * bytes));
    });
  }

 private:
  int64_t batch, count, width, length, size, rowsStride, cacheStride;
  Operand rows, position, cache;
};

}  // namespace

std::unique_ptr<Instruction> decodeGatherRows(InstructionReader& reader) { return std::make_unique<GatherRows>(reader); }
std::unique_ptr<Instruction> decodeScatterAddRows(InstructionReader& reader) { return std::make_unique<ScatterAddRows>(reader); }
std::unique_ptr<Instruction> decodeTakeAlong(InstructionReader& reader) { return std::make_unique<TakeAlong>(reader); }
std::unique_ptr<Instruction> decodePutAlong(InstructionReader& reader) { return std::make_unique<PutAlong>(reader); }
std::unique_ptr<Instruction> decodeUpdateRows(InstructionReader& reader) { return std::make_unique<UpdateRows>(reader); }

}  // namespace nonet
