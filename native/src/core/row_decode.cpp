// Kernel 3: decodes a row program. Memory that instructions cannot use in place gets a register beside it, with a load
// before its first use in a block and a store after it is written; so the interpreter sees registers and plain memory.
#include <algorithm>
#include <memory>

#include "row_instruction.h"
#include "row_opcodes.h"

namespace nonet {
namespace {

constexpr int64_t kMaxSlots = 4096;
constexpr int64_t kBlockElements = 4096;      // of a register: an instruction takes a while next to what starting it takes
constexpr int64_t kTaskElements = 32768;      // about 10 microseconds of work per instruction
constexpr int64_t kFewestElements = 512;
constexpr int64_t kManyRegisterBytes = 65536;  // of a block: what stays in L2 beside the memory that it reads and writes

enum SlotClass { fullRegister, rowRegister, fullMemory, rowMemory, columnMemory, scalarMemory, columnSumOutput };

bool isValueType(DType type) { return type == DType::f32 || type == DType::f64 || type == DType::i32; }

// What instructions see of an element of memory.
DType valueTypeOf(DType type) {
  if (type == DType::bf16) return DType::f32;
  return type == DType::u8 || type == DType::boolean ? DType::i32 : type;
}

class RowDecoder {
 public:
  RowDecoder(InstructionReader& reader, RowProgramInstruction& result) : reader(reader), out(result) {}

  void decode() {
    RowProgram& program = out.program;
    program.rows = reader.integer("rows");
    program.columns = reader.integer("cols");
    out.flat = reader.flag("flat");
    out.taskRows = reader.integer("rowsPerTask");
    out.extentUnit = reader.integer("extentUnit");
    const int64_t slotCount = reader.integer("slotCount", 0, kMaxSlots);
    const int64_t codeCount = reader.integer("instructionCount", 0, int64_t(1) << 20);
    if ((__int128)program.rows * program.columns > kMaxDimension) reader.fail("rows * cols is too large");
    if (out.flat && program.rows != 1) reader.fail("a flat program has one row");
    if (reader.paramsLeft() != slotCount * 11 + codeCount * 7) reader.fail("slot and instruction counts do not fit its words");
    decodeOperands();
    for (int64_t i = 0; i < slotCount; i++) decodeSlot();
    shadowOf.assign(slotCount, -1);
    loaded.assign(slotCount, false);
    summed.assign(slotCount, false);
    for (int64_t i = 0; i < codeCount; i++) decodeCode(slotCount);
    for (int64_t i = 0; i < slotCount; i++) {
      if (out.slots[i].shape == RowShape::sum && !summed[i]) reader.fail("a sum slot that no instruction writes");
    }
    if (!writesMemory && !out.hasSums) out.code.clear();  // nothing would be seen of it
    planBlocks();
    program.slots = out.slots.data();
    program.slotCount = (long)out.slots.size();
    program.code = out.code.data();
    program.codeCount = (long)out.code.size();
  }

 private:
  void decodeOperands() {
    int64_t count = reader.operandCount();
    if (count > kMaxRowOperands) reader.fail("more than " + std::to_string(kMaxRowOperands) + " operands");
    if (out.extentUnit > 0) {
      if (count == 0) reader.fail("extentUnit without an extent operand");
      out.extent = reader.operand(--count, "extent");
      reader.check(out.extent, "extent", Access::read, 4, {{1, 1}});
    }
    for (int64_t i = 0; i < count; i++) out.operands.push_back(reader.optional(i, "of a slot"));
  }

  Operand operandOf(int64_t index) {
    if (index < 0 || index >= (int64_t)out.operands.size()) reader.fail("slot names operand " + std::to_string(index));
    if (!out.operands[index].present()) reader.fail("slot names absent operand " + std::to_string(index));
    return out.operands[index];
  }

  void decodeSlot() {
    const int64_t kind = reader.integer("slot class", fullRegister, columnSumOutput);
    RowSlot slot{};
    slot.memoryType = (DType)reader.integer("slot dtype", 0, 5);
    slot.type = valueTypeOf(slot.memoryType);
    const int64_t operand = reader.integer("slot operand", -1);
    int64_t layout[7];  // n0, n1, n2, s0, s1, s2, column stride
    for (int64_t& value : layout) value = reader.anyInteger("slot layout");
    reader.anyInteger("slot bytes");
    slot.operand = (int32_t)operand;
    slot.partial = -1;
    if (kind == fullRegister || kind == rowRegister) {
      if (operand != -1) reader.fail("a register slot with an operand");
      if (!isValueType(slot.type) || slot.memoryType != slot.type) reader.fail("a register is f32, f64 or i32");
      slot.shape = kind == fullRegister ? RowShape::full : RowShape::row;
    } else if (kind == columnSumOutput) {
      decodeSum(slot, layout[3]);
    } else {
      operandOf(operand);
      constexpr RowShape shapes[] = {RowShape::full, RowShape::row, RowShape::column, RowShape::scalar};
      slot.shape = shapes[kind - fullMemory];
      placeMemory(slot, layout);
    }
    out.slots.push_back(slot);
  }

  void decodeSum(RowSlot& slot, int64_t partial) {
    if (slot.memoryType != DType::f32 && slot.memoryType != DType::f64) reader.fail("a sum is f32 or f64");
    if (out.flat) reader.fail("a flat program has no sums");
    operandOf(slot.operand);
    operandOf(partial);
    slot.shape = RowShape::sum;
    slot.partial = (int32_t)partial;
    out.hasSums = true;
  }

  // Fills in the addressing and checks the range of what is read; writes are checked where an instruction writes.
  void placeMemory(RowSlot& slot, const int64_t* layout) {
    for (int i = 0; i < 7; i++) {
      if (layout[i] < 0 || layout[i] > kMaxDimension) reader.fail("a slot has size or stride " + std::to_string(layout[i]));
    }
    slot.n0 = slot.n1 = slot.n2 = 1;
    if (slot.shape == RowShape::full || slot.shape == RowShape::row) {
      if ((__int128)layout[0] * layout[1] * layout[2] != out.program.rows) reader.fail("the sizes of a slot do not multiply to its rows");
      slot.n0 = layout[0], slot.n1 = layout[1], slot.n2 = layout[2];
      slot.s0 = layout[3], slot.s1 = layout[4], slot.s2 = layout[5];
    }
    if (layout[6] > 1) reader.fail("a slot has column stride " + std::to_string(layout[6]) + ", expected 0 or 1");
    if (slot.shape == RowShape::full || slot.shape == RowShape::column) {
      slot.columnStride = out.program.columns <= 1 ? 1 : layout[6];
    }
    checkRange(slot, Access::read);
    slot.rowStride = uniformRowStride(slot);
  }

  void checkRange(const RowSlot& slot, Access access) {
    const bool perColumn = slot.shape == RowShape::full || slot.shape == RowShape::column;
    const Axis axes[] = {{slot.n0, slot.s0}, {slot.n1, slot.s1}, {slot.n2, slot.s2},
                         {perColumn ? out.program.columns : 1, slot.columnStride}};
    reader.checkSpan(out.operands[slot.operand], "of a slot", access, elementBytes((int64_t)slot.memoryType), axes, 4);
    for (const Axis& axis : axes) {
      if (access == Access::write && axis.size > 1 && axis.stride == 0) reader.fail("writes a slot whose elements share memory");
    }
  }

  // Elements from each row to the next, or -1 where it varies.
  static int64_t uniformRowStride(const RowSlot& slot) {
    int64_t stride = -1, count = 1;  // of the rows looked at so far
    const int64_t sizes[] = {slot.n2, slot.n1, slot.n0}, strides[] = {slot.s2, slot.s1, slot.s0};
    for (int i = 0; i < 3; i++) {
      if (sizes[i] <= 1) continue;
      if (stride < 0) stride = strides[i];
      else if (strides[i] != count * stride) return -1;
      count *= sizes[i];
    }
    return stride < 0 ? 0 : stride;
  }

  // Whether instructions may use the slot where it lies.
  bool isDirect(const RowSlot& slot) const {
    if (slot.operand < 0 || slot.shape == RowShape::sum) return true;
    if (!isValueType(slot.memoryType)) return false;
    switch (slot.shape) {
      case RowShape::full: return slot.rowStride >= 0 && slot.columnStride == 1;
      case RowShape::row: return slot.rowStride == 1 || out.program.rows == 1;
      case RowShape::column: return slot.columnStride == 1;
      default: return true;
    }
  }

  int shadow(int64_t slot) {
    if (shadowOf[slot] < 0) {
      RowSlot copy = out.slots[slot];
      copy.operand = -1;
      copy.memoryType = copy.type;
      shadowOf[slot] = (int)out.slots.size();
      out.slots.push_back(copy);
    }
    return shadowOf[slot];
  }

  // The slot that an instruction reads: the memory slot's register, loaded once per block.
  int readable(int64_t slot) {
    if (isDirect(out.slots[slot])) return (int)slot;
    const int copy = shadow(slot);
    if (!loaded[slot]) {
      out.code.push_back({RowOp::load, out.slots[slot].type, (int16_t)copy, (int16_t)slot, -1, -1, 0, 0});
      loaded[slot] = true;
    }
    return copy;
  }

  void decodeCode(int64_t slotCount) {
    const int64_t op = reader.anyInteger("opcode");
    int64_t slots[4];  // dst, a, b, c
    for (int64_t& slot : slots) slot = reader.integer("slot of an instruction", -1, slotCount - 1);
    const int64_t dst = slots[0], *sources = slots + 1;
    const double x = reader.real("x"), y = reader.real("y");
    const OpcodeRule* rule = ruleOf(op);
    if (rule == nullptr) reader.fail("opcode " + std::to_string(op) + " does not exist");
    if (dst < 0) reader.fail("opcode " + std::to_string(op) + " without a result");
    RowInstruction in{(RowOp)op, DType::f32, 0, -1, -1, -1, x, y};
    int16_t* fields[3] = {&in.a, &in.b, &in.c};
    const RowSlot* args[3] = {};
    for (int i = 0; i < rule->arguments; i++) {
      if (sources[i] < 0) reader.fail("opcode " + std::to_string(op) + " takes " + std::to_string(rule->arguments) + " operands");
      if (out.slots[sources[i]].shape == RowShape::sum) reader.fail("a sum is read inside its own program");
    }
    for (int i = 0; i < rule->arguments; i++) *fields[i] = (int16_t)readable(sources[i]);
    for (int i = 0; i < rule->arguments; i++) args[i] = &out.slots[sources[i]];
    const std::string wrong = checkTypes(*rule, out.slots[dst], args, in.type);
    if (!wrong.empty()) reader.fail("opcode " + std::to_string(op) + " " + wrong);
    checkImmediates(*rule, in);
    if (rule->kind == OpcodeKind::rowReduction || rule->kind == OpcodeKind::argmax) hasRowReductions = true;
    if (in.op == RowOp::convert && out.slots[dst].memoryType == DType::boolean) in.op = RowOp::convertToBool;
    if (rule->kind == OpcodeKind::columnSum) claimSum(dst, sources[0]);
    write(in, dst);
  }

  // Integers travel as doubles; one that does not fit its type has no meaning.
  void checkImmediates(const OpcodeRule& rule, const RowInstruction& in) {
    const bool random = rule.kind == OpcodeKind::random;
    const double limit = random ? 9007199254740992.0 : 2147483648.0;
    const auto fits = [limit](double value) { return value >= -limit && value < limit; };
    if ((random || in.type == DType::i32) && !(fits(in.x) && fits(in.y))) reader.fail("an immediate is out of range");
  }

  void write(RowInstruction in, int64_t dst) {
    const RowSlot slot = out.slots[dst];
    if (slot.shape == RowShape::column || slot.shape == RowShape::scalar) reader.fail("writes a column or scalar slot");
    if (slot.operand >= 0 && slot.shape != RowShape::sum) {
      checkRange(slot, Access::write);
      writesMemory = true;
      if (slot.shape == RowShape::row) writesRows = true;
    }
    const bool direct = isDirect(slot);
    in.dst = (int16_t)(direct ? dst : shadow(dst));
    out.code.push_back(in);
    if (direct) return;
    out.code.push_back({RowOp::store, slot.type, (int16_t)dst, in.dst, -1, -1, 0, 0});
    loaded[dst] = false;  // what memory holds now may be rounded: a later read loads it again
  }

  void claimSum(int64_t dst, int64_t source) {
    if (summed[dst]) reader.fail("two instructions write one sum");
    summed[dst] = true;
    RowSlot& slot = out.slots[dst];
    const bool perRow = out.slots[source].shape == RowShape::row;
    slot.columns = perRow ? 1 : out.program.columns;
    if (perRow) writesRows = true;
    const int64_t bytes = elementBytes((int64_t)slot.type);
    reader.check(out.operands[slot.operand], "of a sum", Access::write, bytes, {{slot.columns, 1}});
    reader.check(out.operands[slot.partial], "of partial sums", Access::write, bytes,
                 {{sumTasks(out.program.rows, slot.columns), slot.columns}, {slot.columns, 1}});
  }

  // Blocks: as many rows as fill a register; rows that are longer are cut where nothing looks along them.
  void planBlocks() {
    RowProgram& program = out.program;
    int64_t elementBytesOfAll = 0;
    for (const RowSlot& slot : out.slots) {
      if (slot.operand < 0 && slot.shape == RowShape::full) elementBytesOfAll += elementBytes((int64_t)slot.type);
    }
    int64_t target = kBlockElements;
    while (target > kFewestElements && target * elementBytesOfAll > kManyRegisterBytes) target /= 2;
    const int64_t columns = std::max<int64_t>(1, program.columns);
    const bool cut = columns > 2 * target && !hasRowReductions && !writesRows;
    program.blockColumns = cut ? target : columns;
    program.blockRows = std::min(std::max<int64_t>(1, target / program.blockColumns), std::max<int64_t>(1, program.rows));
    if (out.taskRows == 0) out.taskRows = std::max<int64_t>(1, kTaskElements / columns);
    const int64_t multiple = out.rowMultiple();
    out.taskRows = (out.taskRows + multiple - 1) / multiple * multiple;
    out.taskColumns = kTaskElements;
    if (out.flat && (writesRows || hasRowReductions)) reader.fail("a flat program reduces or writes a value per row");
    placeRegisters();
  }

  void placeRegisters() {
    const RowProgram& program = out.program;
    for (RowSlot& slot : out.slots) {
      if (slot.operand >= 0) continue;
      const int64_t rows = slot.shape == RowShape::full || slot.shape == RowShape::row ? program.blockRows : 1;
      const int64_t columns = slot.shape == RowShape::full || slot.shape == RowShape::column ? program.blockColumns : 1;
      slot.offset = out.scratch;
      out.scratch += (size_t)((rows * columns * elementBytes((int64_t)slot.type) + 63) / 64 * 64);
    }
  }

  InstructionReader& reader;
  RowProgramInstruction& out;
  std::vector<int> shadowOf;
  std::vector<bool> loaded, summed;
  bool hasRowReductions = false, writesRows = false, writesMemory = false;
};

}  // namespace

std::unique_ptr<Instruction> decodeRowProgram(InstructionReader& reader) {
  auto instruction = std::make_unique<RowProgramInstruction>();
  RowDecoder(reader, *instruction).decode();
  return instruction;
}

}  // namespace nonet
