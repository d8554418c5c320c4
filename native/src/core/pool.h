// The threads that compute: one pool per process, used by one run at a time.
#pragma once

#include <algorithm>

namespace nonet {

// Called once per task; `thread` is 0 for the caller and 1..threads-1 for the pool's.
using PoolTask = void (*)(void* context, long task, int thread);

// Runs tasks 0..count-1 on up to `threads` threads, the caller among them, `grain` tasks taken at a time; returns when
// all are done. Which thread runs a task is left to chance: tasks must write disjoint memory.
void runTasks(int threads, long count, long grain, PoolTask task, void* context);

// How many tasks of so many multiply-adds each are taken at a time, so that taking them is worth while.
inline long grainOf(double work) {
  constexpr double kWorthTaking = 1 << 18;  // multiply-adds
  return (long)std::max(1.0, kWorthTaking / std::max(1.0, work));
}

// Ends the pool's threads; they start again when needed. Not to be called while a run is under way.
void joinPool();

// Flushes denormals to zero on this thread while it lives, and restores what was set before.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();

 private:
  unsigned long before_;
};

}  // namespace nonet
