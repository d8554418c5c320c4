// Kernels that decide how a run goes on: 14 skipIf, 15 guard, 16 checkFinite.
#include <math.h>

#include <atomic>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

// A condition is an i32 or one byte.
class Condition {
 public:
  explicit Condition(InstructionReader& reader) {
    const int64_t dtype = reader.integer("dtype", 3, 5);
    size = elementBytes(dtype);
    operand = reader.operand(0, "condition");
    reader.check(operand, "condition", Access::read, size, {{1, 1}});
  }
  bool holds(const Execution& execution) const {
    return size == 4 ? *execution.at<int32_t>(operand) != 0 : *execution.at<uint8_t>(operand) != 0;
  }

 private:
  int64_t size;
  Operand operand;
};

class SkipIf : public Instruction {
 public:
  explicit SkipIf(InstructionReader& reader) : condition(reader), target(reader.integer("target")) {}
  int64_t jumpTarget() const override { return target; }
  void run(Execution& execution) const override {
    if (condition.holds(execution)) execution.jump(target);
  }

 private:
  Condition condition;
  int64_t target;
};

class Guard : public Instruction {
 public:
  explicit Guard(InstructionReader& reader) : condition(reader), id(reader.anyInteger("guardId")) {}
  void run(Execution& execution) const override {
    if (condition.holds(execution)) execution.stop(RunStatus::guard, id);
  }

 private:
  Condition condition;
  int64_t id;
};

class CheckFinite : public Instruction {
 public:
  explicit CheckFinite(InstructionReader& reader) {
    dtype = reader.integer("dtype", 0, 2);
    count = reader.integer("count");
    id = reader.anyInteger("checkId");
    x = reader.operand(0, "x");
    reader.check(x, "x", Access::read, elementBytes(dtype), {{count, 1}});
  }

  void run(Execution& execution) const override {
    std::atomic<bool> found{false};
    execution.parallelRanges(count, 1 << 16, [&](long begin, long end, void*) {
      for (long i = begin; i < end; i++) {
        if (!isFiniteAt(execution, i)) {
          found.store(true, std::memory_order_relaxed);
          return;
        }
      }
    });
    if (found.load()) execution.stop(RunStatus::notFinite, id);
  }

 private:
  bool isFiniteAt(const Execution& execution, long i) const {
    if (dtype == 0) return isfinite(execution.at<float>(x)[i]);
    if (dtype == 1) return isfinite(execution.at<double>(x)[i]);
    return (execution.at<uint16_t>(x)[i] & 0x7f80) != 0x7f80;
  }

  int64_t dtype, count, id;
  Operand x;
};

}  // namespace

std::unique_ptr<Instruction> decodeSkipIf(InstructionReader& reader) { return std::make_unique<SkipIf>(reader); }
std::unique_ptr<Instruction> decodeGuard(InstructionReader& reader) { return std::make_unique<Guard>(reader); }
std::unique_ptr<Instruction> decodeCheckFinite(InstructionReader& reader) { return std::make_unique<CheckFinite>(reader); }

}  // namespace nonet
