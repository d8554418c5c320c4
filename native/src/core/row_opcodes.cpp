#include "row_opcodes.h"

namespace nonet {
namespace {

using Kind = OpcodeKind;

constexpr OpcodeRule kRules[] = {
    {RowOp::convert, Kind::convert, 1, true, true},
    {RowOp::negate, Kind::elementwise, 1, true, true},
    {RowOp::absolute, Kind::elementwise, 1, true, true},
    {RowOp::exp, Kind::elementwise, 1, true, false},
    {RowOp::log, Kind::elementwise, 1, true, false},
    {RowOp::log1p, Kind::elementwise, 1, true, false},
    {RowOp::sqrt, Kind::elementwise, 1, true, false},
    {RowOp::rsqrt, Kind::elementwise, 1, true, false},
    {RowOp::reciprocal, Kind::elementwise, 1, true, false},
    {RowOp::tanh, Kind::elementwise, 1, true, false},
    {RowOp::sigmoid, Kind::elementwise, 1, true, false},
    {RowOp::sin, Kind::elementwise, 1, true, false},
    {RowOp::cos, Kind::elementwise, 1, true, false},
    {RowOp::floor, Kind::elementwise, 1, true, true},
    {RowOp::isFinite, Kind::mask, 1, true, true},
    {RowOp::softplus, Kind::elementwise, 1, true, false},
    {RowOp::gelu, Kind::elementwise, 1, true, false},
    {RowOp::logicalNot, Kind::elementwise, 1, false, true},
    {RowOp::add, Kind::elementwise, 2, true, true},
    {RowOp::subtract, Kind::elementwise, 2, true, true},
    {RowOp::multiply, Kind::elementwise, 2, true, true},
    {RowOp::divide, Kind::elementwise, 2, true, true},
    {RowOp::max, Kind::elementwise, 2, true, true},
    {RowOp::min, Kind::elementwise, 2, true, true},
    {RowOp::less, Kind::mask, 2, true, true},
    {RowOp::lessEqual, Kind::mask, 2, true, true},
    {RowOp::equal, Kind::mask, 2, true, true},
    {RowOp::bitAnd, Kind::elementwise, 2, false, true},
    {RowOp::bitOr, Kind::elementwise, 2, false, true},
    {RowOp::bitXor, Kind::elementwise, 2, false, true},
    {RowOp::shiftLeft, Kind::elementwise, 2, false, true},
    {RowOp::shiftRight, Kind::elementwise, 2, false, true},
    {RowOp::geluGradient, Kind::elementwise, 2, true, false},
    {RowOp::pow, Kind::elementwise, 2, true, false},
    {RowOp::select, Kind::select, 3, true, true},
    {RowOp::multiplyAdd, Kind::elementwise, 3, true, true},
    {RowOp::scaleRowColumn, Kind::elementwise, 3, true, true},
    {RowOp::mulAdd2, Kind::elementwise, 3, true, true},
    {RowOp::affine, Kind::elementwise, 1, true, true},
    {RowOp::maxImmediate, Kind::elementwise, 1, true, true},
    {RowOp::constant, Kind::constant, 0, true, true},
    {RowOp::rowSum, Kind::rowReduction, 1, true, true},
    {RowOp::rowMax, Kind::rowReduction, 1, true, true},
    {RowOp::rowDot, Kind::rowReduction, 2, true, true},
    {RowOp::rowArgmax, Kind::argmax, 1, true, true},
    {RowOp::columnSum, Kind::columnSum, 1, true, false},
    {RowOp::columnDot, Kind::columnSum, 2, true, false},
    {RowOp::uniform, Kind::random, 2, true, false},
    {RowOp::normal, Kind::random, 2, true, false},
};

bool isPerColumn(RowShape shape) { return shape == RowShape::full || shape == RowShape::column; }

std::string checkShapes(const OpcodeRule& rule, const RowSlot& dst, const RowSlot* const* arguments) {
  if (rule.kind == Kind::columnSum) {
    if (dst.shape != RowShape::sum) return "writes something else than a sum";
    const bool mixed = rule.arguments == 2 && arguments[0]->shape == RowShape::row && isPerColumn(arguments[1]->shape);
    return mixed ? "takes the larger operand first" : "";
  }
  if (dst.shape == RowShape::sum) return "writes a sum";
  if (rule.kind == Kind::rowReduction || rule.kind == Kind::argmax) {
    return dst.shape == RowShape::row ? "" : "writes something else than a value per row";
  }
  if (rule.kind == Kind::random) {
    for (int i = 0; i < 2; i++) {
      if (arguments[i]->shape != RowShape::scalar || arguments[i]->type != DType::i32) return "takes two i32 scalars";
    }
    return {};
  }
  for (int i = 0; i < rule.arguments; i++) {
    if (dst.shape == RowShape::row && isPerColumn(arguments[i]->shape)) return "writes one value per row from many";
  }
  return {};
}

}  // namespace

const OpcodeRule* ruleOf(int64_t op) {
  for (const OpcodeRule& rule : kRules) {
    if ((int64_t)rule.op == op) return &rule;
  }
  return nullptr;
}

std::string checkTypes(const OpcodeRule& rule, const RowSlot& dst, const RowSlot* const* arguments, DType& type) {
  const std::string wrongShape = checkShapes(rule, dst, arguments);
  if (!wrongShape.empty()) return wrongShape;
  if (rule.kind == Kind::random) {
    type = DType::f32;
    return dst.type == DType::f32 ? "" : "writes something else than f32";
  }
  const int first = rule.kind == Kind::select ? 1 : 0;  // the mask has a type of its own
  type = rule.arguments == 0 ? dst.type : arguments[first]->type;
  if (type == DType::i32 ? !rule.onInt : !rule.onReal) return "does not exist for that type";
  if (first == 1 && arguments[0]->type != DType::i32) return "takes an i32 mask";
  for (int i = first; i < rule.arguments; i++) {
    if (arguments[i]->type != type) return "mixes types";
  }
  switch (rule.kind) {
    case Kind::convert: return {};
    case Kind::mask:
    case Kind::argmax: return dst.type == DType::i32 ? "" : "writes something else than i32";
    case Kind::columnSum:
      return dst.type == type || (dst.type == DType::f64 && type == DType::f32) ? "" : "sums into another type";
    default: return dst.type == type ? "" : "writes another type";
  }
}

}  // namespace nonet
