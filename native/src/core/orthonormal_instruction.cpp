// Kernel 26 (orthonormal).
#include "../kernels/orthonormal.h"

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

class Orthonormal : public Instruction {
 public:
  explicit Orthonormal(InstructionReader& reader) {
    batch = reader.integer("batch");
    rows = reader.integer("rows", 1, int64_t(1) << 20);
    columns = reader.integer("columns", 1, rows);
    x = reader.operand(0, "x");
    out = reader.operand(1, "out");
    reader.check(x, "x", Access::read, 4, {{batch, rows * columns}, {rows * columns, 1}});
    reader.check(out, "out", Access::write, 4, {{batch, rows * columns}, {rows * columns, 1}});
  }

  size_t scratchBytes() const override { return (size_t)orthonormalScratchBytes(rows, columns); }

  void run(Execution& execution) const override {
    execution.parallel(batch, 1, [&](long b, void* taskScratch) {
      int64_t start = b * rows * columns;
      orthonormalColumns(execution.at<float>(x) + start, execution.at<float>(out) + start, rows, columns,
                         static_cast<double*>(taskScratch));
    });
  }

 private:
  int64_t batch, rows, columns;
  Operand x, out;
};

}  // namespace

std::unique_ptr<Instruction> decodeOrthonormal(InstructionReader& reader) {
  return std::make_unique<Orthonormal>(reader);
}

}  // namespace nonet
