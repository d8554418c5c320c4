// What every opcode of a row program takes and gives.
#pragma once

#include <string>

#include "../kernels/row_program.h"

namespace nonet {

enum class OpcodeKind { elementwise, mask, select, convert, constant, rowReduction, argmax, columnSum, random };

struct OpcodeRule {
  RowOp op;
  OpcodeKind kind;
  int arguments;
  bool onReal, onInt;  // types of computation that it exists for: f32 and f64, i32
};

// nullptr for an opcode that programs may not use.
const OpcodeRule* ruleOf(int64_t op);

// Checks shapes and types of the result and the arguments (`nullptr` behind the last), and finds the type of the
// computation. Returns what is wrong, or nothing.
std::string checkTypes(const OpcodeRule& rule, const RowSlot& dst, const RowSlot* const* arguments, DType& type);

}  // namespace nonet
