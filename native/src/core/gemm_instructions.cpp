// Kernels 1 (gemm) and 2 (packWeights).
#include <algorithm>

#include "executor.h"
#include "instructions.h"
#include "row_instruction.h"

namespace nonet {
namespace {

class Gemm : public Instruction {
 public:
  explicit Gemm(InstructionReader& reader) {
    args.m = reader.integer("m");
    args.n = reader.integer("n");
    args.k = reader.integer("k");
    args.lda = reader.integer("lda");
    args.transA = reader.flag("transA");
    args.ldb = reader.integer("ldb");
    args.transB = reader.flag("transB");
    packed = reader.flag("packedB");
    args.ldc = reader.integer("ldc");
    args.accumulate = reader.flag("accumulate");
    batch0 = reader.integer("batch0");
    batch1 = reader.integer("batch1");
    for (int i = 0; i < 3; i++) {
      step0[i] = reader.integer("stride of batch0");
      step1[i] = reader.integer("stride of batch1");
    }
    extentUnit = reader.integer("extentUnit", -1);
    attached = reader.flag("attached");
    a = reader.operand(0, "A");
    b = reader.operand(1, "B");
    c = reader.operand(2, "C");
    extent = reader.optional(3, "extent");
    checkOperands(reader);
    planTasks();
  }

  size_t scratchBytes() const override {
    return gemmScratch + (row == nullptr ? 0 : row->scratchBytes());
  }
  bool wantsNext() const override { return attached; }

  std::string attach(const Instruction* next) override {
    row = dynamic_cast<const RowProgramInstruction*>(next);
    if (row == nullptr) return "is attached to an instruction that is not a row program";
    if (row->flat || row->program.rows != args.m) return "is attached to a row program over other rows";
    return {};
  }

  void run(Execution& execution) const override {
    if (row != nullptr) return runAttached(execution);
    long rows = args.m, batches = batch0;
    limit(execution, rows, batches);
    runBatches(execution, rows, batches);
  }

 private:
  void checkOperands(InstructionReader& reader) {
    if (args.lda < (args.transA ? args.m : args.k)) reader.fail("lda is below the width of A");
    if (!packed && args.ldb < (args.transB ? args.k : args.n)) reader.fail("ldb is below the width of B");
    if (args.ldc < args.n) reader.fail("ldc is below the width of C");
    if (extentUnit != 0 && !extent.present()) reader.fail("extentUnit without an extent operand");
    if (extentUnit > 0 && (batch0 > 1 || batch1 > 1)) reader.fail("a row extent with several batches");
    if ((batch0 > 1 && step0[2] == 0) || (batch1 > 1 && step1[2] == 0)) reader.fail("several batches write one place");
    if (attached && (batch0 != 1 || batch1 != 1)) reader.fail("an attached row program with several batches");
    const int64_t rowsA = args.transA ? args.k : args.m, columnsA = args.transA ? args.m : args.k;
    reader.check(a, "A", Access::read, 4,
                 {{rowsA, args.lda}, {columnsA, 1}, {batch0, step0[0]}, {batch1, step1[0]}});
    if (packed) {
      // The packed size is checked against overflow by the size of the unpacked matrix.
      if ((__int128)args.k * args.n > kMaxDimension / 8) reader.fail("B is too large");
      const int64_t floats = (int64_t)(kernels().gemmPackedBytes(args.k, args.n) / 4);
      reader.check(b, "B (packed)", Access::read, 4, {{floats, 1}, {batch0, step0[1]}, {batch1, step1[1]}}, 64);
      if (step0[1] % 16 != 0 || step1[1] % 16 != 0) reader.fail("packed batches of B are not aligned to 64 bytes");
    } else {
      const int64_t rowsB = args.transB ? args.n : args.k, columnsB = args.transB ? args.k : args.n;
      reader.check(b, "B", Access::read, 4,
                   {{rowsB, args.ldb}, {columnsB, 1}, {batch0, step0[1]}, {batch1, step1[1]}});
    }
    reader.check(c, "C", Access::write, 4,
                 {{args.m, args.ldc}, {args.n, 1}, {batch0, step0[2]}, {batch1, step1[2]}});
    reader.check(extent, "extent", Access::read, 4, {{1, 1}});
  }

  void planTasks() {
    static const float present = 0;
    GemmArgs shape = args;
    shape.packedB = packed ? &present : nullptr;  // looked at for being null alone
    taskRows = std::max<long>(1, args.m);
    taskColumns = std::max<long>(1, args.n);
    if (args.m == 0 || args.n == 0) return;
    kernels().gemmTaskShape(shape, &taskRows, &taskColumns);
    gemmScratch = (kernels().gemmScratchBytes(shape) + 63) / 64 * 64;
  }

  void limit(const Execution& execution, long& rows, long& batches) const {
    if (extentUnit == 0) return;
    const int64_t live = std::max<int64_t>(0, *execution.at<int32_t>(extent));
    if (extentUnit > 0) rows = (long)std::min<__int128>(rows, (__int128)live * extentUnit);
    else batches = std::min<int64_t>(batches, live);
  }

  GemmArgs argsAt(const Execution& execution, long i0, long i1) const {
    GemmArgs g = args;
    const float* bData = execution.at<float>(b) + i0 * step0[1] + i1 * step1[1];
    g.a = execution.at<float>(a) + i0 * step0[0] + i1 * step1[0];
    g.b = packed ? nullptr : bData;
    g.packedB = packed ? bData : nullptr;
    g.c = execution.at<float>(c) + i0 * step0[2] + i1 * step1[2];
    return g;
  }

  // Tasks go through the row blocks of one column block before the next, so that threads share a part of B.
  void runBatches(const Execution& execution, long rows, long batches) const {
    if (rows == 0 || args.n == 0) return;
    const long rowTasks = (rows + taskRows - 1) / taskRows, columnTasks = (args.n + taskColumns - 1) / taskColumns;
    const double work = (double)taskRows * (double)taskColumns * (double)std::max<long>(1, args.k);
    const long grain = grainOf(work);
    execution.parallel(batches * batch1 * columnTasks * rowTasks, grain, [&](long task, void* taskScratch) {
      const long rowBegin = task % rowTasks * taskRows, columnBegin = task / rowTasks % columnTasks * taskColumns;
      const long batch = task / rowTasks / columnTasks;
      kernels().gemm(argsAt(execution, batch / batch1, batch % batch1), rowBegin, std::min(rows, rowBegin + taskRows),
                     columnBegin, std::min(args.n, columnBegin + taskColumns), taskScratch);
    });
  }

  // Rows of a task with a row program attached. Sums take whole chunks, which tiles do not divide: then tasks are long,
  // and inside them blocks of the product's own task size follow each other.
  long attachedRows() const {
    const long chunk = row->rowMultiple();
    if (chunk == 1) return taskRows;
    const long share = (args.m / 8 + chunk - 1) / chunk * chunk;
    return std::max(2 * chunk, std::min(7 * chunk, share));
  }

  void runAttached(Execution& execution) const {
    RowRun rowRun;
    row->prepare(execution, rowRun);
    long rows = args.m, batches = 1;
    limit(execution, rows, batches);
    const long step = attachedRows();
    if (step >= args.m || batches == 0 || rows != rowRun.liveRows) {
      // One block of rows: columns are what there is to share out.
      runBatches(execution, rows, batches);
      return row->run(execution);
    }
    const GemmArgs g = argsAt(execution, 0, 0);
    execution.parallelRanges(rows, step, [&](long begin, long end, void* taskScratch) {
      for (long from = begin, to; from < end; from = to) {
        to = 2 * (end - from) < 3 * taskRows ? end : from + taskRows;  // no short block at the end
        if (args.n > 0) kernels().gemm(g, from, to, 0, args.n, taskScratch);
        row->runRows(rowRun, from, to, (uint8_t*)taskScratch + gemmScratch);
      }
    });
    row->finish(execution, rowRun);
  }

  GemmArgs args{};
  bool packed = false, attached = false;
  int64_t batch0 = 1, batch1 = 1, step0[3] = {}, step1[3] = {}, extentUnit = 0;
  Operand a, b, c, extent;
  long taskRows = 1, taskColumns = 1;
  size_t gemmScratch = 0;
  const RowProgramInstruction* row = nullptr;
};

class PackWeights : public Instruction {
 public:
  explicit PackWeights(InstructionReader& reader) {
    k = reader.integer("k");
    n = reader.integer("n");
    ldb = reader.integer("ldb");
    transB = reader.flag("transB");
    taps = reader.integer("taps", 1);  // more than one: see gemmPackTaps
    b = reader.operand(0, "B");
    out = reader.operand(1, "out");
    const int64_t width = transB ? k / taps : n;
    if (ldb < width) reader.fail("ldb is below the width of B");
    if (taps > 1 && (!transB || k % taps != 0 || ldb != width)) reader.fail("taps do not lie one behind the other");
    if ((__int128)k * n > kMaxDimension / 8) reader.fail("B is too large");
    reader.check(b, "B", Access::read, 4, {{taps, taps > 1 ? n * width : 0}, {transB ? n : k, ldb}, {width, 1}});
    reader.check(out, "out", Access::write, 4, {{(int64_t)(kernels().gemmPackedBytes(k, n) / 4), 1}}, 64);
  }

  void run(Execution& execution) const override {
    if (k == 0 || n == 0) return;
    const long panel = kernels().gemmPanelColumns;
    const long panels = std::max<long>(1, 65536 / (k * panel)) * panel;  // about 256 KB per task
    execution.parallelRanges(n, panels, [&](long begin, long end, void*) {
      const float* from = execution.at<float>(b);
      float* to = execution.at<float>(out);
      if (taps > 1) kernels().gemmPackTaps(from, taps, k, n, to, begin, end);
      else kernels().gemmPackB(from, ldb, transB, k, n, to, begin, end);
    });
  }

 private:
  long k, n, ldb, taps;
  bool transB;
  Operand b, out;
};

}  // namespace

std::unique_ptr<Instruction> decodeGemm(InstructionReader& reader) { return std::make_unique<Gemm>(reader); }
std::unique_ptr<Instruction> decodePackWeights(InstructionReader& reader) { return std::make_unique<PackWeights>(reader); }

}  // namespace nonet
