#include "row_instruction.h"

#include <algorithm>

namespace nonet {

namespace {
constexpr long kFinishColumns = 512;  // columns of a sum that one task adds up
}

void RowProgramInstruction::prepare(const Execution& execution, RowRun& run) const {
  for (size_t i = 0; i < operands.size(); i++) run.operands[i] = execution.at(operands[i]);
  run.liveRows = program.rows;
  if (extentUnit > 0) {
    const int64_t count = *execution.at<int32_t>(extent);
    run.liveRows = count <= 0 ? 0 : (long)std::min<__int128>(program.rows, (__int128)count * extentUnit);
  }
}

void RowProgramInstruction::run(Execution& execution) const {
  if (code.empty()) return;
  RowRun run;
  prepare(execution, run);
  if (flat) {
    execution.parallelRanges(program.columns, taskColumns, [&](long begin, long end, void* taskScratch) {
      kernels().rows->run(program, run.operands, 0, run.liveRows, begin, end, taskScratch);
    });
    return;
  }
  execution.parallelRanges(run.liveRows, taskRows, [&](long begin, long end, void* taskScratch) {
    runRows(run, begin, end, taskScratch);
  });
  finish(execution, run);
}

void RowProgramInstruction::finish(const Execution& execution, const RowRun& run) const {
  if (!hasSums) return;
  const long chunks = run.liveRows == 0 ? 0 : sumTasks(run.liveRows, program.columns);
  for (const RowSlot& slot : slots) {
    if (slot.shape != RowShape::sum) continue;
    execution.parallelRanges(slot.columns, kFinishColumns, [&](long begin, long end, void*) {
      kernels().rows->finishSum(slot, run.operands, chunks, begin, end);
    });
  }
}

}  // namespace nonet
