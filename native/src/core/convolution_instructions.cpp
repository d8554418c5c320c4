// Kernels 24 (convolution) and 25 (convolutionGradient): matrix products whose left operand is never written down.
//
// A row of it, the positions that the taps see from one place, is a run of taps * inputs neighbouring floats of the
// sequence, and the next row begins one position further on: a matrix whose rows overlap. Only rows that reach over an end
// are read from a copy with zeros around it, of a few positions.
#include <algorithm>
#include <cstring>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// What the taps see of each sequence: `count` rows of `width` floats.
struct Windows {
  int64_t batch, groups, length, inputs, taps, before, after, stride;
  int64_t count, width;
  int64_t inner, end;  // rows [inner, end) reach over neither end

  void read(InstructionReader& reader) {
    batch = reader.integer("batch");
    groups = reader.integer("groups", 1);  // of equally many neighbouring sequences, each with a weight of its own
    if (batch % groups != 0) reader.fail("groups do not share out the batch");
    length = reader.integer("length");
    inputs = reader.integer("inputs");
    taps = reader.integer("taps", 1);
    before = reader.integer("before", 0, taps - 1);
    after = reader.integer("after", 0, taps - 1);
    stride = reader.integer("batch stride of x");
    if ((__int128)taps * inputs > kMaxDimension) reader.fail("the taps see too much");
    width = taps * inputs;
    count = std::max<int64_t>(0, length + before + after - taps + 1);
    // Of a short sequence, copy all: two pieces would be too short to compute with.
    const bool copied = count <= 4 * taps && before + after > 0;
    inner = copied ? count : std::min(before, count);
    end = std::max(inner, std::min(count, length + before - taps + 1));
  }

  void check(InstructionReader& reader, const Operand& x) const {
    reader.check(x, "x", Access::read, 4, {{batch, stride}, {length, inputs}, {inputs, 1}});
  }

  size_t scratchBytes() const {
    const int64_t rows = std::max(inner, count - end);
    return rows == 0 ? 0 : aligned(sizeof(float) * (size_t)((rows + taps - 1) * inputs));
  }

  // Calls f(a, begin, end) for rows [from, to) of the windows of one sequence in one to three pieces; row `begin` is at a.
  template <class F> void pieces(const float* x, int64_t from, int64_t to, float* scratch, F&& f) const {
    copiedPiece(x, from, std::min(to, inner), scratch, f);
    const int64_t begin = std::max(from, inner), stop = std::min(to, end);
    if (begin < stop) f(x + (begin - before) * inputs, begin, stop);
    copiedPiece(x, std::max(from, end), to, scratch, f);
  }

 private:
  template <class F> void copiedPiece(const float* x, int64_t from, int64_t to, float* scratch, F&& f) const {
    if (from >= to) return;
    const int64_t first = from - before, last = to - before + taps - 1;  // positions
    const int64_t begin = std::clamp<int64_t>(first, 0, length), stop = std::clamp<int64_t>(last, begin, length);
    float* at = scratch + (begin - first) * inputs;
    memset(scratch, 0, sizeof(float) * (size_t)((begin - first) * inputs));
    if (begin < stop) memcpy(at, x + begin * inputs, sizeof(float) * (size_t)((stop - begin) * inputs));
    memset(at + (stop - begin) * inputs, 0, sizeof(float) * (size_t)((last - stop) * inputs));
    f(scratch, from, to);
  }
};

class Convolution : public Instruction {
 public:
  explicit Convolution(InstructionReader& reader) {
    windows.read(reader);
    outputs = reader.integer("outputs");
    packed = reader.flag("packed weight");
    weightGroup = reader.integer("group stride of the weight");
    yBatch = reader.integer("batch stride of y");
    yRow = reader.integer("row stride of y");
    x = reader.operand(0, "x");
    weight = reader.operand(1, "weight");
    y = reader.operand(2, "y");
    if (yRow < outputs) reader.fail("the row stride of y is below its width");
    if (windows.batch > 1 && yBatch == 0) reader.fail("several sequences write one place");
    windows.check(reader, x);
    if (packed) {
      // The packed size is checked against overflow by the size of the unpacked matrix.
      if ((__int128)windows.width * outputs > kMaxDimension / 8) reader.fail("the weight is too large");
      const int64_t floats = (int64_t)(kernels().gemmPackedBytes(windows.width, outputs) / 4);
      reader.check(weight, "weight (packed)", Access::read, 4, {{windows.groups, weightGroup}, {floats, 1}}, 64);
      if (windows.groups > 1 && weightGroup % 16 != 0) reader.fail("packed weights are not aligned to 64 bytes");
    } else {
      reader.check(weight, "weight", Access::read, 4, {{windows.groups, weightGroup}, {windows.width, outputs}, {outputs, 1}});
    }
    reader.check(y, "y", Access::write, 4, {{windows.batch, yBatch}, {windows.count, yRow}, {outputs, 1}});
    empty = windows.batch == 0 || windows.count == 0 || outputs == 0;
    if (empty) return;
    static const float present = 0;
    GemmArgs shape = argsOf(windows.count);
    shape.packedB = packed ? &present : nullptr;  // looked at for being null alone
    kernels().gemmTaskShape(shape, &taskRows, &taskColumns);
    scratch = windows.scratchBytes() + kernels().gemmScratchBytes(shape);
  }

  size_t scratchBytes() const override { return scratch; }

  // Tasks go through the rows of all sequences for one block of columns before the next, so that threads share weights.
  void run(Execution& execution) const override {
    if (empty) return;
    const long rowTasks = (windows.count + taskRows - 1) / taskRows, columnTasks = (outputs + taskColumns - 1) / taskColumns;
    const double work = (double)taskRows * (double)taskColumns * (double)std::max<int64_t>(1, windows.width);
    const long grain = grainOf(work);
    const float* w = execution.at<float>(weight);
    const int64_t perGroup = windows.batch / windows.groups;
    execution.parallel(windows.batch * columnTasks * rowTasks, grain, [&](long task, void* taskScratch) {
      const long rowBegin = task % rowTasks * taskRows, sequence = task / rowTasks % windows.batch;
      const long columnBegin = task / rowTasks / windows.batch * taskColumns;
      const long rowEnd = std::min<long>(windows.count, rowBegin + taskRows);
      const long columnEnd = std::min<long>(outputs, columnBegin + taskColumns);
      uint8_t* gemmScratch = (uint8_t*)taskScratch + windows.scratchBytes();
      windows.pieces(execution.at<float>(x) + sequence * windows.stride, rowBegin, rowEnd, (float*)taskScratch,
                     [&](const float* a, long begin, long end) {
        GemmArgs g = argsOf(end - begin);
        g.a = a;
        (packed ? g.packedB : g.b) = w + sequence / perGroup * weightGroup;
        g.c = execution.at<float>(y) + sequence * yBatch + begin * yRow;
        kernels().gemm(g, 0, g.m, columnBegin, columnEnd, gemmScratch);
      });
    });
  }

 private:
  GemmArgs argsOf(long rows) const {
    return {rows, outputs, windows.width, nullptr, windows.inputs, false, nullptr, outputs, false, nullptr, nullptr, yRow, false};
  }

  Windows windows;
  int64_t outputs, weightGroup, yBatch, yRow;
  bool packed, empty;
  Operand x, weight, y;
  long taskRows = 1, taskColumns = 1;
  size_t scratch = 0;
};

// The pieces of all sequences of a group are added one after another, in order.
class ConvolutionGradient : public Instruction {
 public:
  explicit ConvolutionGradient(InstructionReader& reader) {
    windows.read(reader);
    outputs = reader.integer("outputs");
    dyBatch = reader.integer("batch stride of dy");
    dyRow = reader.integer("row stride of dy");
    x = reader.operand(0, "x");
    dy = reader.operand(1, "dy");
    out = reader.operand(2, "gradient");
    if (dyRow < outputs) reader.fail("the row stride of dy is below its width");
    if (windows.batch > 1 && windows.count > 0 && dyBatch == 0) reader.fail("several sequences read one place of dy");
    if ((__int128)windows.width * outputs > kMaxDimension) reader.fail("the gradient is too large");
    windows.check(reader, x);
    reader.check(dy, "dy", Access::read, 4, {{windows.batch, dyBatch}, {windows.count, dyRow}, {outputs, 1}});
    reader.check(out, "gradient", Access::write, 4, {{windows.groups, windows.width * outputs}, {windows.width, outputs}, {outputs, 1}});
    if (windows.width == 0 || outputs == 0) return;
    const bool none = windows.batch == 0 || windows.count == 0;
    kernels().gemmTaskShape(argsOf(none ? 0 : windows.batch / windows.groups * windows.count, false), &taskRows, &taskColumns);
    if (none) return;
    const int64_t depths[] = {windows.inner, windows.end - windows.inner, windows.count - windows.end};
    for (const int64_t depth : depths) scratch = std::max(scratch, kernels().gemmScratchBytes(argsOf(depth, true)));
    scratch += windows.scratchBytes();
  }

  size_t scratchBytes() const override { return scratch; }

  void run(Execution& execution) const override {
    if (windows.width == 0 || outputs == 0) return;
    const long rowTasks = (windows.width + taskRows - 1) / taskRows, columnTasks = (outputs + taskColumns - 1) / taskColumns;
    execution.parallel(windows.groups * columnTasks * rowTasks, 1, [&](long task, void* taskScratch) {
      const long rowBegin = task % rowTasks * taskRows, columnBegin = task / rowTasks % columnTasks * taskColumns;
      addAll(execution, task / rowTasks / columnTasks, rowBegin, std::min<long>(windows.width, rowBegin + taskRows), columnBegin,
             std::min<long>(outputs, columnBegin + taskColumns), (uint8_t*)taskScratch);
    });
  }

 private:
  void addAll(const Execution& execution, int64_t group, long rowBegin, long rowEnd, long columnBegin, long columnEnd,
              uint8_t* taskScratch) const {
    GemmArgs g = argsOf(0, false);
    g.c = execution.at<float>(out) + group * windows.width * outputs;
    if (windows.batch == 0 || windows.count == 0) return kernels().gemm(g, rowBegin, rowEnd, columnBegin, columnEnd, taskScratch);
    const int64_t perGroup = windows.batch / windows.groups;
    for (int64_t sequence = group * perGroup; sequence < (group + 1) * perGroup; sequence++)
      windows.pieces(execution.at<float>(x) + sequence * windows.stride, 0, windows.count, (float*)taskScratch,
                     [&](const float* a, int64_t begin, int64_t end) {
        g.k = end - begin;
        g.a = a;
        g.b = execution.at<float>(dy) + sequence * dyBatch + begin * dyRow;
        kernels().gemm(g, rowBegin, rowEnd, columnBegin, columnEnd, taskScratch + windows.scratchBytes());
        g.accumulate = true;
      });
  }

  GemmArgs argsOf(long depth, bool accumulate) const {
    return {windows.width, outputs, depth, nullptr, windows.inputs, true, nullptr, dyRow, false, nullptr, nullptr, outputs, accumulate};
  }

  Windows windows;
  int64_t outputs, dyBatch, dyRow;
  Operand x, dy, out;
  long taskRows = 1, taskColumns = 1;
  size_t scratch = 0;
};

}  // namespace

std::unique_ptr<Instruction> decodeConvolution(InstructionReader& reader) { return std::make_unique<Convolution>(reader); }
std::unique_ptr<Instruction> decodeConvolutionGradient(InstructionReader& reader) {
  return std::make_unique<ConvolutionGradient>(reader);
}

}  // namespace nonet
