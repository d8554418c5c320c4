// Kernel 19 (gemmBf16): bf16 operands, float32 result.
#include <algorithm>

#include "bf16_unit.h"
#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

class GemmBf16 : public Instruction {
 public:
  explicit GemmBf16(InstructionReader& reader) {
    args.m = reader.integer("m");
    args.n = reader.integer("n");
    args.k = reader.integer("k");
    args.lda = reader.integer("lda");
    args.transA = reader.flag("transA");
    args.ldb = reader.integer("ldb");
    args.transB = reader.flag("transB");
    args.ldc = reader.integer("ldc");
    batch0 = reader.integer("batch0");
    batch1 = reader.integer("batch1");
    for (int i = 0; i < 3; i++) {
      step0[i] = reader.integer("stride of batch0");
      step1[i] = reader.integer("stride of batch1");
    }
    extentUnit = reader.integer("extentUnit");
    a = reader.operand(0, "A");
    b = reader.operand(1, "B");
    c = reader.operand(2, "C");
    extent = reader.optional(3, "extent");
    checkOperands(reader);
    taskRows = std::max<long>(1, args.m);
    taskColumns = std::max<long>(1, args.n);
    if (args.m == 0 || args.n == 0) return;
    bf16Gemm().taskShape(args, &taskRows, &taskColumns);
    scratch = bf16Gemm().scratchBytes(args);
  }

  size_t scratchBytes() const override { return scratch; }

  void run(Execution& execution) const override {
    long rows = args.m;
    if (extentUnit > 0) {
      const int64_t live = std::max<int64_t>(0, *execution.at<int32_t>(extent));
      rows = (long)std::min<__int128>(rows, (__int128)live * extentUnit);
    }
    if (rows == 0 || args.n == 0) return;
    const long rowTasks = (rows + taskRows - 1) / taskRows, columnTasks = (args.n + taskColumns - 1) / taskColumns;
    const double work = (double)taskRows * (double)taskColumns * (double)std::max<long>(1, args.k);
    const long grain = grainOf(work);
    execution.parallel(batch0 * batch1 * columnTasks * rowTasks, grain, [&](long task, void* taskScratch) {
      const long rowBegin = task % rowTasks * taskRows, columnBegin = task / rowTasks % columnTasks * taskColumns;
      const long batch = task / rowTasks / columnTasks, i0 = batch / batch1, i1 = batch % batch1;
      Bf16GemmArgs g = args;
      g.a = execution.at<uint16_t>(a) + i0 * step0[0] + i1 * step1[0];
      g.b = execution.at<uint16_t>(b) + i0 * step0[1] + i1 * step1[1];
      g.c = execution.at<float>(c) + i0 * step0[2] + i1 * step1[2];
      bf16Gemm().gemm(g, rowBegin, std::min(rows, rowBegin + taskRows), columnBegin,
                      std::min(args.n, columnBegin + taskColumns), taskScratch);
    });
  }

 private:
  void checkOperands(InstructionReader& reader) {
    if (args.lda < (args.transA ? args.m : args.k)) reader.fail("lda is below the width of A");
    if (args.ldb < (args.transB ? args.k : args.n)) reader.fail("ldb is below the width of B");
    if (args.ldc < args.n) reader.fail("ldc is below the width of C");
    if (extentUnit > 0 && !extent.present()) reader.fail("extentUnit without an extent operand");
    if (extentUnit > 0 && (batch0 != 1 || batch1 != 1)) reader.fail("a row extent with several batches");
    if ((batch0 > 1 && step0[2] == 0) || (batch1 > 1 && step1[2] == 0)) reader.fail("several batches write one place");
    const int64_t rowsA = args.transA ? args.k : args.m, columnsA = args.transA ? args.m : args.k;
    const int64_t rowsB = args.transB ? args.n : args.k, columnsB = args.transB ? args.k : args.n;
    reader.check(a, "A", Access::read, 2, {{rowsA, args.lda}, {columnsA, 1}, {batch0, step0[0]}, {batch1, step1[0]}});
    reader.check(b, "B", Access::read, 2, {{rowsB, args.ldb}, {columnsB, 1}, {batch0, step0[1]}, {batch1, step1[1]}});
    reader.check(c, "C", Access::write, 4, {{args.m, args.ldc}, {args.n, 1}, {batch0, step0[2]}, {batch1, step1[2]}});
    reader.check(extent, "extent", Access::read, 4, {{1, 1}});
  }

  Bf16GemmArgs args{};
  int64_t batch0 = 1, batch1 = 1, step0[3] = {}, step1[3] = {}, extentUnit = 0;
  Operand a, b, c, extent;
  long taskRows = 1, taskColumns = 1;
  size_t scratch = 0;
};

}  // namespace

std::unique_ptr<Instruction> decodeGemmBf16(InstructionReader& reader) { return std::make_unique<GemmBf16>(reader); }

}  // namespace nonet
