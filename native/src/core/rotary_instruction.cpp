// Kernel 18 (rotary).
#include <algorithm>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

constexpr int64_t kTaskFloats = 1 << 15;

class Rotary : public Instruction {
 public:
  explicit Rotary(InstructionReader& reader) {
    args.batch = reader.integer("batch");
    args.length = reader.integer("length");
    args.heads = reader.integer("heads");
    args.headDim = reader.integer("headDim", 2, 256);
    if (args.headDim % 2 != 0) reader.fail("headDim is odd");
    args.tableBatch = reader.integer("table batch stride");
    for (AttentionStrides* strides : {&args.xStrides, &args.yStrides}) {
      strides->batch = reader.integer("batch stride");
      strides->position = reader.integer("position stride");
      strides->head = reader.integer("head stride");
    }
    x = reader.operand(0, "x");
    cosine = reader.operand(1, "cos");
    sine = reader.operand(2, "sin");
    y = reader.operand(3, "y");
    checkHeads(reader, x, "x", Access::read, args.xStrides);
    checkHeads(reader, y, "y", Access::write, args.yStrides);
    for (const Operand* table : {&cosine, &sine}) {
      reader.check(*table, "table", Access::read, 4,
                   {{args.batch, args.tableBatch}, {args.length, args.headDim / 2}, {args.headDim / 2, 1}});
    }
  }

  void run(Execution& execution) const override {
    RotaryArgs live = args;
    live.x = execution.at<float>(x);
    live.y = execution.at<float>(y);
    live.cosine = execution.at<float>(cosine);
    live.sine = execution.at<float>(sine);
    const int64_t perTask = std::max<int64_t>(1, kTaskFloats / std::max<int64_t>(1, args.heads * args.headDim));
    execution.parallelRanges(args.batch * args.length, perTask,
                             [&](long begin, long end, void*) { kernels().rotary(live, begin, end); });
  }

 private:
  void checkHeads(const InstructionReader& reader, const Operand& operand, const char* name, Access access,
                  const AttentionStrides& strides) const {
    reader.check(operand, name, access, 4,
                 {{args.batch, strides.batch}, {args.length, strides.position}, {args.heads, strides.head}, {args.headDim, 1}});
  }

  RotaryArgs args{};
  Operand x, cosine, sine, y;
};

}  // namespace

std::unique_ptr<Instruction> decodeRotary(InstructionReader& reader) { return std::make_unique<Rotary>(reader); }

}  // namespace nonet
