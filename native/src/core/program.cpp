#include "program.h"

#include <string.h>

#include "error.h"
#include "instructions.h"
#include "reader.h"

namespace nonet {
namespace {

constexpr int64_t kMagic = 0x4E4F4E4554;
constexpr int64_t kVersion = 1;
constexpr int64_t kHeaderWords = 5, kSegmentWords = 3, kInstructionWords = 4;

[[noreturn]] void fail(const std::string& what) { throw CodedError("E_PROGRAM", "Program: " + what); }

std::vector<Segment> decodeSegments(const int64_t* words, int64_t count) {
  std::vector<Segment> segments;
  for (int64_t i = 0; i < count; i++, words += kSegmentWords) {
    const std::string name = "segment " + std::to_string(i);
    if (words[0] < 0 || words[0] > 4) fail(name + " is of unknown kind " + std::to_string(words[0]));
    if (words[1] < 0 || words[1] > kMaxDimension) fail(name + " has " + std::to_string(words[1]) + " bytes");
    if (words[2] < 0 || words[2] > kMaxDimension) fail(name + " has stride " + std::to_string(words[2]));
    segments.push_back({(SegmentKind)words[0], words[1], words[2]});
  }
  return segments;
}

// Hands an instruction the one after it where it asks for that, and checks that no jump lands inside such a pair.
void attachPairs(Program& program) {
  const int64_t count = (int64_t)program.instructions.size();
  std::vector<bool> attached((size_t)count + 1, false);
  for (int64_t i = 0; i < count; i++) {
    Instruction& instruction = *program.instructions[i];
    if (!instruction.wantsNext() || attached[i]) {
      if (instruction.wantsNext()) fail("instruction " + std::to_string(i) + " is attached to one and attaches another");
      continue;
    }
    const std::string wrong = instruction.attach(i + 1 < count ? program.instructions[i + 1].get() : nullptr);
    if (!wrong.empty()) fail("instruction " + std::to_string(i) + ": " + wrong);
    attached[i + 1] = true;
  }
  for (int64_t i = 0; i < count; i++) {
    const int64_t target = program.instructions[i]->jumpTarget();
    if (target < 0) continue;
    if (target <= i || target > count || attached[target]) {
      fail("instruction " + std::to_string(i) + " jumps to " + std::to_string(target) +
           ", which is not a later instruction of its own");
    }
  }
}

}  // namespace

std::shared_ptr<const Program> Program::decode(const uint8_t* bytes, size_t count) {
  if (count % 8 != 0 || count < kHeaderWords * 8) fail("is not a whole number of words or too short");
  std::vector<int64_t> words(count / 8);
  memcpy(words.data(), bytes, count);
  const int64_t total = (int64_t)words.size();
  if (words[0] != kMagic) fail("does not begin with the magic number");
  if (words[1] != kVersion) fail("is of version " + std::to_string(words[1]) + ", this core reads " + std::to_string(kVersion));
  if (words[2] != total) fail("says " + std::to_string(words[2]) + " words, has " + std::to_string(total));
  const int64_t segmentCount = words[3], instructionCount = words[4];
  if (segmentCount < 0 || segmentCount > (total - kHeaderWords) / kSegmentWords) fail("has a wrong segment count");
  if (instructionCount < 0 || instructionCount > total / kInstructionWords) fail("has a wrong instruction count");

  auto program = std::make_shared<Program>();
  program->segments = decodeSegments(words.data() + kHeaderWords, segmentCount);
  int64_t at = kHeaderWords + segmentCount * kSegmentWords;
  for (int64_t i = 0; i < instructionCount; i++) {
    const std::string name = "instruction " + std::to_string(i);
    if (total - at < kInstructionWords) fail(name + " is cut short");
    const int64_t* head = words.data() + at;
    const int64_t kernel = head[0], length = head[1], operands = head[2], params = head[3];
    if (length < kInstructionWords || length > total - at || operands < 0 || params < 0 || operands > length ||
        params > length || kInstructionWords + 2 * operands + params != length) {
      fail(name + " has word counts that do not fit together");
    }
    const int64_t* operandWords = head + kInstructionWords;
    InstructionReader reader(program->segments, i, kernel, operandWords, operands, operandWords + 2 * operands, params);
    program->instructions.push_back(decodeInstruction(reader));
    at += length;
  }
  if (at != total) fail("has " + std::to_string(total - at) + " words behind its last instruction");
  attachPairs(*program);
  for (const auto& instruction : program->instructions) {
    const size_t needed = (instruction->scratchBytes() + 63) / 64 * 64;
    if (needed > program->scratchBytes) program->scratchBytes = needed;
  }
  return program;
}

}  // namespace nonet
