// Kernel 13 (sample).
#include "../kernels/sample.h"

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

class Sample : public Instruction {
 public:
  explicit Sample(InstructionReader& reader) {
    batch = reader.integer("batch");
    vocabulary = reader.integer("vocab", 1, int64_t(1) << 31);
    stride = reader.integer("logitsStride");
    logits = reader.operand(0, "logits");
    uniform = reader.operand(1, "uniform");
    settings = reader.operand(2, "settings");
    out = reader.operand(3, "out");
    reader.check(logits, "logits", Access::read, 4, {{batch, stride}, {vocabulary, 1}});
    reader.check(uniform, "uniform", Access::read, 4, {{batch, 1}});
    reader.check(settings, "settings", Access::read, 4, {{sampleSettings, 1}});
    reader.check(out, "out", Access::write, 4, {{batch, 1}});
  }

  size_t scratchBytes() const override { return sampleScratchBytes(vocabulary); }

  void run(Execution& execution) const override {
    const float* values = execution.at<float>(settings);
    const SampleSettings chosen = {values[0], values[1], values[2], values[3], values[4], values[5], values[6]};
    execution.parallel(batch, 1, [&](long b, void* taskScratch) {
      execution.at<int32_t>(out)[b] = sampleToken(execution.at<float>(logits) + b * stride, vocabulary,
                                                  execution.at<float>(uniform)[b], chosen, taskScratch);
    });
  }

 private:
  int64_t batch, vocabulary, stride;
  Operand logits, uniform, settings, out;
};

}  // namespace

std::unique_ptr<Instruction> decodeSample(InstructionReader& reader) { return std::make_unique<Sample>(reader); }

}  // namespace nonet
