#include "row_opcodes.h"

namespace nonet {
namespace {

using Kind = OpcodeKind;

constexpr OpcodeRule kRules[] = {
    {1, Kind::convert, 1, true, true},
    {10, Kind::elementwise, 1, true, true},   {11, Kind::elementwise, 1, true, true},
    {12, Kind::elementwise, 1, true, false},  {13, Kind::elementwise, 1, true, false},
    {14, Kind::elementwise, 1, true, false},  {15, Kind::elementwise, 1, true, false},
    {16, Kind::elementwise, 1, true, false},  {17, Kind::elementwise, 1, true, false},
    {18, Kind::elementwise, 1, true, false},  {19, Kind::elementwise, 1, true, false},
    {20, Kind::elementwise, 1, true, false},  {21, Kind::elementwise, 1, true, false},
    {22, Kind::elementwise, 1, true, true},   {23, Kind::mask, 1, true, true},
    {24, Kind::elementwise, 1, true, false},  {25, Kind::elementwise, 1, true, false},
    {26, Kind::elementwise, 1, false, true},
    {40, Kind::elementwise, 2, true, true},   {41, Kind::elementwise, 2, true, true},
    {42, Kind::elementwise, 2, true, true},   {43, Kind::elementwise, 2, true, true},
    {44, Kind::elementwise, 2, true, true},   {45, Kind::elementwise, 2, true, true},
    {46, Kind::mask, 2, true, true},          {47, Kind::mask, 2, true, true},
    {48, Kind::mask, 2, true, true},
    {49, Kind::elementwise, 2, false, true},  {50, Kind::elementwise, 2, false, true},
    {51, Kind::elementwise, 2, false, true},  {52, Kind::elementwise, 2, false, true},
    {53, Kind::elementwise, 2, false, true},
    {54, Kind::elementwise, 2, true, false},  {55, Kind::elementwise, 2, true, false},
    {60, Kind::select, 3, true, true},        {61, Kind::elementwise, 3, true, true},
    {62, Kind::elementwise, 3, true, true},   {63, Kind::elementwise, 3, true, true},
    {70, Kind::elementwise, 1, true, true},   {71, Kind::elementwise, 1, true, true},
    {72, Kind::constant, 0, true, true},
    {80, Kind::rowReduction, 1, true, true},  {81, Kind::rowReduction, 1, true, true},
    {82, Kind::rowReduction, 2, true, true},  {84, Kind::argmax, 1, true, true},
    {90, Kind::columnSum, 1, true, false},    {91, Kind::columnSum, 2, true, false},
    {100, Kind::random, 2, true, false},      {101, Kind::random, 2, true, false},
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
    if (rule.op == op) return &rule;
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
