// Reads and checks the words of one instruction.
#pragma once

#include <string>

#include "program.h"

namespace nonet {

// No dimension, stride or offset is larger; sums of products of two of them fit 128 bits.
constexpr int64_t kMaxDimension = int64_t(1) << 46;

enum class Access { read, write };

// One axis of a strided range.
struct Axis {
  int64_t size, stride;  // stride in elements
};

class InstructionReader {
 public:
  InstructionReader(const std::vector<Segment>& segments, int64_t index, int64_t kernel, const int64_t* operands,
                    int64_t operandCount, const int64_t* params, int64_t paramCount)
      : segments_(segments), index_(index), kernel_(kernel), operands_(operands), operandCount_(operandCount),
        params_(params), paramCount_(paramCount) {}

  [[noreturn]] void fail(const std::string& what) const;

  int64_t kernel() const { return kernel_; }
  int64_t index() const { return index_; }
  int64_t operandCount() const { return operandCount_; }
  int64_t paramsLeft() const { return paramCount_ - nextParam_; }

  // Parameters, in order.
  int64_t integer(const char* name, int64_t least = 0, int64_t most = kMaxDimension);
  int64_t anyInteger(const char* name);
  bool flag(const char* name) { return integer(name, 0, 1) != 0; }
  double real(const char* name);
  void endOfParams() const;

  // Operands. An optional one may be absent by segment -1 or by a short list.
  Operand operand(int64_t position, const char* name) const;
  Operand optional(int64_t position, const char* name) const;

  // Checks that the elements of a strided range, `elementBytes` each, lie in the operand's segment, aligned to `alignment`
  // (elementBytes by default) in every repetition.
  void check(const Operand& operand, const char* name, Access access, int64_t elementBytes, std::initializer_list<Axis> axes,
             int64_t alignment = 0) const;
  void checkSpan(const Operand& operand, const char* name, Access access, int64_t elementBytes, const Axis* axes,
                 size_t axisCount, int64_t alignment = 0) const;

 private:
  Operand operandAt(int64_t position, const char* name) const;

  const std::vector<Segment>& segments_;
  const int64_t index_, kernel_;
  const int64_t* operands_;
  const int64_t operandCount_;
  const int64_t* params_;
  const int64_t paramCount_;
  int64_t nextParam_ = 0;
};

// Bytes of an element of a dtype code; 0 for an unknown code.
int64_t elementBytes(int64_t dtype);

}  // namespace nonet
