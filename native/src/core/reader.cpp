#include "reader.h"

#include <string.h>

#include "error.h"

namespace nonet {

void InstructionReader::fail(const std::string& what) const {
  throw CodedError("E_PROGRAM",
                   "Instruction " + std::to_string(index_) + " (kernel " + std::to_string(kernel_) + "): " + what);
}

int64_t InstructionReader::anyInteger(const char* name) {
  if (nextParam_ >= paramCount_) fail(std::string("parameter ") + name + " is missing");
  return params_[nextParam_++];
}

int64_t InstructionReader::integer(const char* name, int64_t least, int64_t most) {
  const int64_t value = anyInteger(name);
  if (value < least || value > most) {
    fail(std::string(name) + " is " + std::to_string(value) + ", expected " + std::to_string(least) + ".." +
         std::to_string(most));
  }
  return value;
}

double InstructionReader::real(const char* name) {
  const int64_t bits = anyInteger(name);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void InstructionReader::endOfParams() const {
  if (nextParam_ != paramCount_) {
    fail("takes " + std::to_string(nextParam_) + " parameters, got " + std::to_string(paramCount_));
  }
}

Operand InstructionReader::operandAt(int64_t position, const char* name) const {
  if (position >= operandCount_) return {};
  const int64_t segment = operands_[2 * position], offset = operands_[2 * position + 1];
  if (segment < -1 || segment >= (int64_t)segments_.size()) {
    fail(std::string("operand ") + name + " is in segment " + std::to_string(segment) + ", which does not exist");
  }
  if (offset < 0 || offset > kMaxDimension) {
    fail(std::string("operand ") + name + " has offset " + std::to_string(offset));
  }
  return {(int)segment, offset};
}

Operand InstructionReader::operand(int64_t position, const char* name) const {
  const Operand operand = operandAt(position, name);
  if (!operand.present()) fail(std::string("operand ") + name + " is missing");
  return operand;
}

Operand InstructionReader::optional(int64_t position, const char* name) const { return operandAt(position, name); }

void InstructionReader::check(const Operand& operand, const char* name, Access access, int64_t elementBytes,
                              std::initializer_list<Axis> axes, int64_t alignment) const {
  checkSpan(operand, name, access, elementBytes, axes.begin(), axes.size(), alignment);
}

void InstructionReader::checkSpan(const Operand& operand, const char* name, Access access, int64_t elementBytes,
                                  const Axis* axes, size_t axisCount, int64_t alignment) const {
  if (!operand.present()) return;
  const Segment& segment = segments_[operand.segment];
  if (access == Access::write && (segment.kind == SegmentKind::constant || segment.kind == SegmentKind::input)) {
    fail(std::string("writes ") + name + " into segment " + std::to_string(operand.segment) + ", which is read-only");
  }
  const int64_t unit = alignment == 0 ? elementBytes : alignment;
  if (operand.offset % unit != 0 || segment.stride % unit != 0) {
    fail(std::string("operand ") + name + " is not aligned to " + std::to_string(unit) + " bytes (offset " +
         std::to_string(operand.offset) + ", segment stride " + std::to_string(segment.stride) + ")");
  }
  __int128 last = 0;  // element
  for (size_t i = 0; i < axisCount; i++) {
    if (axes[i].size < 0 || axes[i].stride < 0 || axes[i].size > kMaxDimension || axes[i].stride > kMaxDimension) {
      fail(std::string("operand ") + name + " has a size or stride out of range");
    }
    if (axes[i].size == 0) return;
    last += (__int128)(axes[i].size - 1) * axes[i].stride;
  }
  const __int128 end = operand.offset + (last + 1) * elementBytes;
  if (end > segment.bytes) {
    fail(std::string("operand ") + name + " ends " + std::to_string((int64_t)(end - segment.bytes)) +
         " bytes behind segment " + std::to_string(operand.segment) + " of " + std::to_string(segment.bytes) + " bytes");
  }
}

int64_t elementBytes(int64_t dtype) {
  switch (dtype) {
    case 0: return 4;
    case 1: return 8;
    case 2: return 2;
    case 3: return 4;
    case 4: return 1;
    case 5: return 1;
    default: return 0;
  }
}

}  // namespace nonet
