// A row program as an instruction: decoded once, run by itself or inside the tasks of a matrix product.
#pragma once

#include <vector>

#include "../kernels/row_program.h"
#include "executor.h"
#include "instructions.h"

namespace nonet {

constexpr int64_t kMaxRowOperands = 256;

// Number of chunks that a sum over `rows` rows is cut into: one row of partial sums each. A function of the shape alone.
inline int64_t sumTasks(int64_t rows, int64_t /*columns*/) {
  return rows <= kSumChunkRows ? 1 : (rows + kSumChunkRows - 1) / kSumChunkRows;
}

// One run's operands.
struct RowRun {
  void* operands[kMaxRowOperands];
  long liveRows;
};

class RowProgramInstruction : public Instruction {
 public:
  size_t scratchBytes() const override { return scratch; }
  void run(Execution& execution) const override;

  void prepare(const Execution& execution, RowRun& run) const;
  void runRows(const RowRun& run, long begin, long end, void* taskScratch) const {
    kernels().rows->run(program, run.operands, begin, end, 0, program.columns, taskScratch);
  }
  // Adds the partial sums up, after all rows.
  void finish(const Execution& execution, const RowRun& run) const;
  // Rows of a task must be a multiple of this.
  long rowMultiple() const { return hasSums ? kSumChunkRows : 1; }

  RowProgram program{};
  std::vector<RowSlot> slots;
  std::vector<RowInstruction> code;
  std::vector<Operand> operands;
  Operand extent;
  int64_t extentUnit = 0;
  bool flat = false, hasSums = false;
  int64_t taskRows = 1, taskColumns = 1;
  size_t scratch = 0;
};

}  // namespace nonet
