// Kernels 21 (sortByGroup), 22 (groupedGemm) and 23 (groupedOuter): rows in groups, of sizes known when they run.
#include <string.h>

#include <algorithm>
#include <vector>

#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

constexpr long kWantedTasks = 8;      // of a whole call, unless tasks would become small
constexpr long kLeastColumns = 256;   // of a task

class SortByGroup : public Instruction {
 public:
  explicit SortByGroup(InstructionReader& reader) {
    rows = reader.integer("rows", 0, int64_t(1) << 31);
    perRow = reader.integer("perRow", 0, int64_t(1) << 31);
    groups = reader.integer("groups", 0, int64_t(1) << 31);
    const bool bounded = reader.flag("bounded");
    if ((__int128)rows * perRow >= int64_t(1) << 31) reader.fail("too many entries");
    group = reader.operand(0, "group");
    const char* const names[] = {"rows", "groups", "places", "sizes"};
    for (int i = 0; i < 4; i++) out[i] = reader.operand(1 + i, names[i]);
    extent = reader.optional(5, "extent");
    if (bounded && !extent.present()) reader.fail("bounded without an extent operand");
    if (!bounded) extent = Operand{};
    const int64_t entries = rows * perRow;
    reader.check(group, "group", Access::read, 4, {{entries, 1}});
    for (int i = 0; i < 3; i++) reader.check(out[i], names[i], Access::write, 4, {{entries, 1}});
    reader.check(out[3], names[3], Access::write, 4, {{groups, 1}});
    reader.check(extent, "extent", Access::read, 4, {{1, 1}});
  }

  void run(Execution& execution) const override {
    int64_t live = rows;
    if (extent.present()) live = std::min<int64_t>(rows, std::max<int64_t>(0, *execution.at<int32_t>(extent)));
    const int32_t* from = execution.at<int32_t>(group);
    // Read once and checked: the results may lie where the groups did.
    std::vector<int32_t> own(from, from + live * perRow);
    std::vector<int32_t> next(groups, 0);
    for (int64_t i = 0; i < live * perRow; i++) {
      if (own[i] < 0 || own[i] >= groups)
        execution.fail("group " + std::to_string(own[i]) + " at position " + std::to_string(i) + " lies outside of 0.." +
                       std::to_string(groups - 1));
      next[own[i]]++;
    }
    int32_t *toRow = execution.at<int32_t>(out[0]), *toGroup = execution.at<int32_t>(out[1]);
    int32_t *places = execution.at<int32_t>(out[2]), *sizes = execution.at<int32_t>(out[3]);
    for (int64_t g = 0, begin = 0; g < groups; g++) {
      const int32_t size = next[g];
      sizes[g] = size;
      next[g] = (int32_t)begin;
      begin += size;
    }
    for (int64_t i = 0; i < live * perRow; i++) {
      const int32_t place = next[own[i]]++;
      toRow[place] = (int32_t)(i / perRow);
      toGroup[place] = own[i];
      places[i] = place;
    }
    for (int64_t i = live * perRow; i < rows * perRow; i++) {
      toRow[i] = (int32_t)(i / perRow);
      toGroup[i] = 0;
      places[i] = (int32_t)i;
    }
  }

 private:
  int64_t rows, perRow, groups;
  Operand group, out[4], extent;
};

// Rows [begin, end) of a group.
struct Group {
  long begin, end;
  long rows() const { return end - begin; }
};

// A part of the product of one group.
struct Task {
  GemmArgs args;
  long rowBegin, rowEnd, columnBegin, columnEnd;
};

class Grouped : public Instruction {
 public:
  size_t scratchBytes() const override { return scratch; }

 protected:
  // The groups, clipped at the end of the rows.
  std::vector<Group> groupsOf(const Execution& execution, const Operand& sizes) const {
    const int32_t* size = execution.at<int32_t>(sizes);
    std::vector<Group> list((size_t)groups);
    long at = 0;
    for (long g = 0; g < groups; g++) {
      const long end = at + std::min<long>(rows - at, std::max(0, size[g]));
      list[(size_t)g] = {at, end};
      at = end;
    }
    return list;
  }

  // Cuts the product of one group into tasks. A group with many of the rows is cut into more of them; what a task is
  // changes no bit.
  void addTasks(std::vector<Task>& tasks, const GemmArgs& args, double share) const {
    if (args.m == 0 || args.n == 0) return;
    long taskRows, shapeColumns;
    kernels().gemmTaskShape(args, &taskRows, &shapeColumns);
    const long panel = kernels().gemmPanelColumns;
    const long parts = std::max<long>(1, (long)(share * kWantedTasks + 0.5));
    const long least = std::max<long>(kLeastColumns, (args.n + parts - 1) / parts);
    const long taskColumns = (least + panel - 1) / panel * panel;
    for (long j = 0; j < args.n; j += taskColumns)
      for (long i = 0; i < args.m; i += taskRows)
        tasks.push_back({args, i, std::min(args.m, i + taskRows), j, std::min(args.n, j + taskColumns)});
  }

  // Lets each product fetch the matrix of the one behind it.
  static void lookAhead(std::vector<Task>& tasks) {
    for (size_t i = 0; i + 1 < tasks.size(); i++) {
      const Task& next = tasks[i + 1];
      tasks[i].args.nextB = next.args.b + next.columnBegin * (next.args.transB ? next.args.ldb : 1);
    }
  }

  // Runs the product of every group, which argsOfGroup(g, group) describes. Returns how many rows are in groups.
  template <class F> long runGroups(const Execution& execution, const Operand& sizes, F&& argsOfGroup) const {
    const std::vector<Group> list = groupsOf(execution, sizes);
    const long used = list.empty() ? 0 : list.back().end;
    std::vector<Task> tasks;
    for (long g = 0; g < groups; g++) {
      const Group& group = list[(size_t)g];
      addTasks(tasks, argsOfGroup(g, group), (double)group.rows() / (double)std::max<long>(1, used));
    }
    lookAhead(tasks);
    runTasks(execution, tasks);
    return used;
  }

  void runTasks(const Execution& execution, const std::vector<Task>& tasks) const {
    double work = 0;
    for (const Task& t : tasks)
      work += (double)(t.rowEnd - t.rowBegin) * (double)(t.columnEnd - t.columnBegin) * (double)std::max<long>(1, t.args.k);
    const long grain = grainOf(work / (double)std::max<size_t>(1, tasks.size()));
    execution.parallel((long)tasks.size(), grain, [&](long i, void* taskScratch) {
      const Task& t = tasks[(size_t)i];
      kernels().gemm(t.args, t.rowBegin, t.rowEnd, t.columnBegin, t.columnEnd, taskScratch);
    });
  }

  long rows = 0, groups = 0;
  size_t scratch = 0;
};

class GroupedGemm : public Grouped {
 public:
  explicit GroupedGemm(InstructionReader& reader) {
    rows = reader.integer("rows");
    k = reader.integer("k");
    n = reader.integer("n");
    groups = reader.integer("groups", 0, int64_t(1) << 31);
    transB = reader.flag("transB");
    x = reader.operand(0, "x");
    weights = reader.operand(1, "weights");
    sizes = reader.operand(2, "sizes");
    out = reader.operand(3, "out");
    if ((__int128)k * n > kMaxDimension / 8) reader.fail("the matrices are too large");
    reader.check(x, "x", Access::read, 4, {{rows, k}, {k, 1}});
    reader.check(weights, "weights", Access::read, 4, {{groups, k * n}, {k * n, 1}});
    reader.check(sizes, "sizes", Access::read, 4, {{groups, 1}});
    reader.check(out, "out", Access::write, 4, {{rows, n}, {n, 1}});
    // A group may have any number of rows: as many as take the path with the most scratch.
    GemmArgs many = argsOf(nullptr, nullptr, nullptr, std::max<long>(rows, 1024));
    scratch = (kernels().gemmScratchBytes(many) + 63) / 64 * 64;
  }

  void run(Execution& execution) const override {
    const float *from = execution.at<float>(x), *matrices = execution.at<float>(weights);
    float* to = execution.at<float>(out);
    const long used = runGroups(execution, sizes, [&](long g, const Group& group) {
      return argsOf(from + group.begin * k, matrices + g * k * n, to + group.begin * n, group.rows());
    });
    if (n > 0 && used < rows) memset(to + used * n, 0, sizeof(float) * (size_t)((rows - used) * n));
  }

 private:
  GemmArgs argsOf(const float* a, const float* b, float* c, long m) const {
    GemmArgs args{};
    args.m = m;
    args.n = n;
    args.k = k;
    args.a = a;
    args.lda = k;
    args.b = b;
    args.ldb = transB ? k : n;
    args.transB = transB;
    args.c = c;
    args.ldc = n;
    return args;
  }

  long k, n;
  bool transB;
  Operand x, weights, sizes, out;
};

class GroupedOuter : public Grouped {
 public:
  explicit GroupedOuter(InstructionReader& reader) {
    rows = reader.integer("rows");
    k = reader.integer("k");
    n = reader.integer("n");
    groups = reader.integer("groups", 0, int64_t(1) << 31);
    x = reader.operand(0, "x");
    y = reader.operand(1, "y");
    sizes = reader.operand(2, "sizes");
    out = reader.operand(3, "out");
    if ((__int128)k * n > kMaxDimension / 8) reader.fail("the matrices are too large");
    reader.check(x, "x", Access::read, 4, {{rows, k}, {k, 1}});
    reader.check(y, "y", Access::read, 4, {{rows, n}, {n, 1}});
    reader.check(sizes, "sizes", Access::read, 4, {{groups, 1}});
    reader.check(out, "out", Access::write, 4, {{groups, k * n}, {k * n, 1}});
    // The sum over a group's rows is cut into blocks, of which the longest takes the most scratch.
    for (long depth = 1; depth <= std::min<long>(rows, 1024); depth++)
      scratch = std::max(scratch, (kernels().gemmScratchBytes(argsOf(nullptr, nullptr, nullptr, depth)) + 63) / 64 * 64);
  }

  void run(Execution& execution) const override {
    const float *left = execution.at<float>(x), *right = execution.at<float>(y);
    float* to = execution.at<float>(out);
    runGroups(execution, sizes, [&](long g, const Group& group) {
      return argsOf(left + group.begin * k, right + group.begin * n, to + g * k * n, group.rows());
    });
  }

 private:
  GemmArgs argsOf(const float* a, const float* b, float* c, long depth) const {
    GemmArgs args{};
    args.m = k;
    args.n = n;
    args.k = depth;
    args.a = a;
    args.lda = k;
    args.transA = true;
    args.b = b;
    args.ldb = n;
    args.c = c;
    args.ldc = n;
    return args;
  }

  long k, n;
  Operand x, y, sizes, out;
};

}  // namespace

std::unique_ptr<Instruction> decodeSortByGroup(InstructionReader& reader) { return std::make_unique<SortByGroup>(reader); }
std::unique_ptr<Instruction> decodeGroupedGemm(InstructionReader& reader) { return std::make_unique<GroupedGemm>(reader); }
std::unique_ptr<Instruction> decodeGroupedOuter(InstructionReader& reader) { return std::make_unique<GroupedOuter>(reader); }

}  // namespace nonet
