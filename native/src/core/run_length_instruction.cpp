// Kernel 20 (decodeRunLength): rows of bits from pairs of value and count, as patches.
#include <algorithm>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

constexpr int64_t kTaskBits = 1 << 16;

class DecodeRunLength : public Instruction {
 public:
  explicit DecodeRunLength(InstructionReader& reader) {
    rows = reader.integer("rows");
    patches = reader.integer("patches", 0, int64_t(1) << 40);
    bitsPerPatch = (int)reader.integer("bitsPerPatch", 1, 31);
    bytes = reader.integer("bytes");
    code = reader.operand(0, "code");
    starts = reader.operand(1, "starts");
    out = reader.operand(2, "out");
    reader.check(code, "code", Access::read, 1, {{bytes, 1}});
    reader.check(starts, "starts", Access::read, 4, {{rows, 1}});
    reader.check(out, "out", Access::write, 4, {{rows, patches}, {patches, 1}});
  }

  void run(Execution& execution) const override {
    if (rows == 0 || patches == 0) return;
    const uint8_t *from = execution.at<uint8_t>(code), *first = execution.at<uint8_t>(starts);
    const uint8_t *begin = execution.at<uint8_t>(out), *end = begin + rows * patches * 4;
    // Or neither would stay as it was checked.
    if ((from < end && begin < from + bytes) || (first < end && begin < first + rows * 4)) {
      execution.fail("writes over its own code");
    }
    const int32_t* places = execution.at<int32_t>(starts);
    for (int64_t r = 0; r < rows; r++) check(execution, from, places[r]);
    const int64_t step = std::max<int64_t>(1, kTaskBits / std::max<int64_t>(1, patches * bitsPerPatch));
    execution.parallelRanges(rows, step, [&](long firstRow, long endRow, void*) {
      for (long r = firstRow; r < endRow; r++) decode(from + places[r], execution.at<int32_t>(out) + r * patches);
    });
  }

 private:
  // Every run of a row lies in the code, and together they are as many bits as the row has.
  void check(const Execution& execution, const uint8_t* from, int64_t start) const {
    const auto fail = [&](const std::string& what, int64_t at) {
      execution.fail(what + " at byte " + std::to_string(at) + " of the run-length code");
    };
    if (start < 0) fail("a row begins", start);
    int64_t left = patches * bitsPerPatch;
    for (int64_t at = start; left > 0; at += 2) {
      if (bytes - at < 2) fail("a row is cut off", bytes);
      const int value = from[at], run = from[at + 1];
      if (value > 1) fail("the value is " + std::to_string(value) + ", not 0 or 1,", at);
      if (run == 0) fail("a run has no bits", at);
      if (run > left) fail("a run goes beyond its row", at);
      left -= run;
    }
  }

  void decode(const uint8_t* from, int32_t* to) const {
    uint32_t patch = 0;
    int missing = bitsPerPatch;
    for (const int32_t* end = to + patches; to < end; from += 2) {
      const uint32_t ones = from[0] ? ~uint32_t(0) : 0;
      for (int left = from[1]; left > 0;) {
        const int taken = std::min(left, missing);
        patch = (patch << taken) | (ones & ((uint32_t(1) << taken) - 1));
        left -= taken;
        missing -= taken;
        if (missing > 0) continue;
        *to++ = (int32_t)patch;
        patch = 0;
        missing = bitsPerPatch;
      }
    }
  }

  int64_t rows, patches, bytes;
  int bitsPerPatch;
  Operand code, starts, out;
};

}  // namespace

std::unique_ptr<Instruction> decodeDecodeRunLength(InstructionReader& reader) {
  return std::make_unique<DecodeRunLength>(reader);
}

}  // namespace nonet
