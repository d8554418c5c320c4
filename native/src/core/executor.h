// Runs a program: repetition by repetition, instruction by instruction, the tasks of each on the pool.
#pragma once

#include <memory>
#include <vector>

#include "allocator.h"
#include "isa.h"
#include "pool.h"
#include "program.h"

namespace nonet {

enum class RunStatus { done, guard, notFinite };

struct RunRequest {
  std::shared_ptr<const Program> program;
  std::vector<std::shared_ptr<Memory>> buffers;  // one per segment
  int64_t repeat = 1;
  int threads = 1;
  bool profile = false;
};

struct RunResult {
  RunStatus status = RunStatus::done;
  int64_t id = 0;         // of the guard or check that ended the run
  int64_t iteration = 0;  // repetitions completed
  double seconds = 0;
  std::vector<double> profile;  // seconds per instruction, if asked for; an attached one counts with its host
};

// Throws CodedError: E_PROGRAM for buffers that do not fit or an index out of range, E_MEMORY without room for scratch.
void checkRequest(const RunRequest& request);
RunResult runProgram(const RunRequest& request);

// What an instruction sees of the run.
class Execution {
 public:
  template <class T = void> T* at(const Operand& operand) const {
    return operand.present() ? (T*)(bases[operand.segment] + operand.offset) : nullptr;
  }

  // Calls f(task, scratch) for every task; `grain` tasks are taken at a time.
  template <class F> void parallel(long tasks, long grain, F&& f) const {
    struct Call {
      F& f;
      const Execution& execution;
    } call{f, *this};
    runTasks(threads, tasks, grain < 1 ? 1 : grain, [](void* context, long task, int thread) {
      Call& c = *(Call*)context;
      c.f(task, (void*)(c.execution.scratch + (size_t)thread * c.execution.scratchBytes));
    }, &call);
  }

  // The same over ranges of up to `step` of `count` items: f(begin, end, scratch).
  template <class F> void parallelRanges(long count, long step, F&& f) const {
    if (step < 1) step = 1;
    parallel((count + step - 1) / step, 1, [&](long task, void* taskScratch) {
      const long begin = task * step, end = begin + step < count ? begin + step : count;
      f(begin, end, taskScratch);
    });
  }

  void jump(int64_t target) { next = target; }
  void stop(RunStatus why, int64_t which) {
    status = why;
    id = which;
  }
  [[noreturn]] void fail(const std::string& what) const;

  std::vector<uint8_t*> bases;  // of the segments, in this repetition
  uint8_t* scratch = nullptr;
  size_t scratchBytes = 0;  // per thread
  int threads = 1;
  int64_t current = 0, next = 0;
  RunStatus status = RunStatus::done;
  int64_t id = 0;
};

}  // namespace nonet
