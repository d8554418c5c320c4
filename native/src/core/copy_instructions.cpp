// Kernels 10 (copy), 11 (fill) and 17 (poison).
#include <string.h>

#include <algorithm>
#include <vector>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

constexpr int64_t kTaskBytes = 1 << 18;

struct CopyAxis {
  int64_t size, src, dst;
};

// The same elements with as few axes as possible, the one with the smallest destination stride last.
std::vector<CopyAxis> simplify(std::vector<CopyAxis> axes) {
  axes.erase(std::remove_if(axes.begin(), axes.end(), [](const CopyAxis& axis) { return axis.size == 1; }), axes.end());
  std::stable_sort(axes.begin(), axes.end(), [](const CopyAxis& a, const CopyAxis& b) { return a.dst > b.dst; });
  std::vector<CopyAxis> merged;
  for (const CopyAxis& axis : axes) {
    CopyAxis* outer = merged.empty() ? nullptr : &merged.back();
    if (outer != nullptr && outer->src == axis.size * axis.src && outer->dst == axis.size * axis.dst) {
      *outer = {outer->size * axis.size, axis.src, axis.dst};
    } else {
      merged.push_back(axis);
    }
  }
  return merged;
}

class Copy : public Instruction {
 public:
  explicit Copy(InstructionReader& reader) {
    size = reader.integer("elementBytes", 1, 8);
    if (size != 1 && size != 2 && size != 4 && size != 8) reader.fail("elementBytes is not 1, 2, 4 or 8");
    std::vector<CopyAxis> axes((size_t)reader.integer("dims", 1, 6));
    for (CopyAxis& axis : axes) axis.size = reader.integer("size");
    for (CopyAxis& axis : axes) axis.src = reader.integer("source stride");
    for (CopyAxis& axis : axes) axis.dst = reader.integer("destination stride");
    src = reader.operand(0, "src");
    dst = reader.operand(1, "dst");
    std::vector<Axis> from, to;
    for (const CopyAxis& axis : axes) {
      if (axis.size > 1 && axis.dst == 0) reader.fail("several elements go to one place");
      if (axis.size == 0) isEmpty = true;
      from.push_back({axis.size, axis.src});
      to.push_back({axis.size, axis.dst});
    }
    reader.checkSpan(src, "src", Access::read, size, from.data(), from.size());
    reader.checkSpan(dst, "dst", Access::write, size, to.data(), to.size());
    if (!isEmpty) plan(simplify(axes));
  }

  void run(Execution& execution) const override {
    if (isEmpty) return;
    const int64_t rowPieces = (plane.rows + pieceRows - 1) / pieceRows;
    const int64_t columnPieces = (plane.columns + pieceColumns - 1) / pieceColumns;
    const int64_t grain = kTaskBytes / (pieceRows * pieceColumns * size);
    execution.parallel(planes * rowPieces * columnPieces, grain, [&](long task, void*) {
      const int64_t column = task % columnPieces * pieceColumns, row = task / columnPieces % rowPieces * pieceRows;
      int64_t from = row * plane.srcRow + column * plane.srcColumn, to = row * plane.dstRow + column * plane.dstColumn;
      int64_t rest = task / columnPieces / rowPieces;
      for (const CopyAxis& axis : outer) {
        from += rest % axis.size * axis.src;
        to += rest % axis.size * axis.dst;
        rest /= axis.size;
      }
      CopyPlane piece = plane;
      piece.rows = std::min(pieceRows, plane.rows - row);
      piece.columns = std::min(pieceColumns, plane.columns - column);
      kernels().moves->copyPlane(piece, execution.at<uint8_t>(src) + from * size, execution.at<uint8_t>(dst) + to * size, (int)size);
    });
  }

 private:
  // Columns are the innermost axis of the destination; rows the axis that is innermost in the source, if that is another
  // (a transpose), else the one next to the columns.
  void plan(std::vector<CopyAxis> axes) {
    CopyAxis columns{1, 1, 1}, rows{1, 1, 1};
    if (!axes.empty()) {
      columns = axes.back();
      axes.pop_back();
    }
    if (!axes.empty()) {
      auto chosen = axes.end() - 1;
      if (columns.src > 1) {
        chosen = std::min_element(axes.begin(), axes.end(), [](const CopyAxis& a, const CopyAxis& b) {
          return (a.src == 0 ? kMaxDimension : a.src) < (b.src == 0 ? kMaxDimension : b.src);
        });
      }
      rows = *chosen;
      axes.erase(chosen);
    }
    plane = {rows.size, columns.size, rows.src, columns.src, rows.dst, columns.dst};
    outer = axes;
    for (const CopyAxis& axis : outer) planes *= axis.size;
    pieceColumns = std::min<int64_t>(columns.size, kTaskBytes / size);
    pieceRows = std::max<int64_t>(1, std::min<int64_t>(rows.size, kTaskBytes / (pieceColumns * size)));
  }

  int64_t size = 4, planes = 1, pieceRows = 1, pieceColumns = 1;
  bool isEmpty = false;
  CopyPlane plane{};
  std::vector<CopyAxis> outer;
  Operand src, dst;
};

uint64_t bitsOf(int64_t dtype, double value) {
  uint64_t bits = 0;
  const float narrow = (float)value;
  uint32_t word;
  memcpy(&word, &narrow, sizeof word);
  switch ((DType)dtype) {
    case DType::f32: bits = word; break;
    case DType::f64: memcpy(&bits, &value, sizeof bits); break;
    case DType::bf16: bits = value != value ? 0x7fc0 : (word + 0x7fff + ((word >> 16) & 1)) >> 16; break;
    case DType::i32: bits = (uint32_t)(int32_t)value; break;
    case DType::u8: bits = (uint8_t)value; break;
    case DType::boolean: bits = value != 0; break;
  }
  return bits;
}

class Fill : public Instruction {
 public:
  explicit Fill(InstructionReader& reader) {
    const int64_t dtype = reader.integer("dtype", 0, 5);
    count = reader.integer("count");
    const double value = reader.real("value");
    const bool isInteger = dtype == 3 || dtype == 4;
    if (isInteger && !(value >= (dtype == 4 ? 0 : -2147483648.0) && value <= (dtype == 4 ? 255 : 2147483647.0))) {
      reader.fail("the value does not fit its type");
    }
    size = elementBytes(dtype);
    dst = reader.operand(0, "dst");
    reader.check(dst, "dst", Access::write, size, {{count, 1}});
    pattern = bitsOf(dtype, value);
  }

  void run(Execution& execution) const override {
    execution.parallelRanges(count, kTaskBytes / size, [&](long begin, long end, void*) {
      kernels().moves->fill(execution.at<uint8_t>(dst) + begin * size, pattern, (int)size, end - begin);
    });
  }

 private:
  int64_t count, size;
  uint64_t pattern;
  Operand dst;
};

class Poison : public Instruction {
 public:
  explicit Poison(InstructionReader& reader) {
    bytes = reader.integer("bytes");
    dst = reader.operand(0, "dst");
    reader.check(dst, "dst", Access::write, 1, {{bytes, 1}});
  }
  void run(Execution& execution) const override {
    if (bytes > 0) memset(execution.at(dst), 0xff, (size_t)bytes);
  }

 private:
  int64_t bytes;
  Operand dst;
};

}  // namespace

std::unique_ptr<Instruction> decodeCopy(InstructionReader& reader) { return std::make_unique<Copy>(reader); }
std::unique_ptr<Instruction> decodeFill(InstructionReader& reader) { return std::make_unique<Fill>(reader); }
std::unique_ptr<Instruction> decodePoison(InstructionReader& reader) { return std::make_unique<Poison>(reader); }

}  // namespace nonet
