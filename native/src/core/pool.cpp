#include "pool.h"

#include <stdint.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nonet {
namespace {

void pauseCpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 40 microseconds: instructions of one run follow each other faster than that.
constexpr int kSpins = 1000;

// A round is one call of runTasks. `gate` holds the round's number, whether it is open, and how many workers are inside:
// a worker enters by compare-and-swap while the round is open, so a late one neither delays the caller nor sees the
// next round's fields half written; the caller closes the gate and waits only for those inside.
struct Pool {
  static constexpr uint64_t kInside = 0xffff, kOpen = 0x10000, kRound = 0x20000;

  std::atomic<uint64_t> gate{0};
  std::atomic<long> next{0};
  long count = 0, grain = 1;
  int threads = 1;
  PoolTask task = nullptr;
  void* context = nullptr;

  std::atomic<int> sleepers{0};
  std::atomic<bool> ending{false};
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> workers;

  void takeTasks(int thread) {
    for (;;) {
      const long begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      const long end = begin + grain < count ? begin + grain : count;
      for (long i = begin; i < end; i++) task(context, i, thread);
    }
  }

  // Enters the open round unless `seen` is its number; returns its number, or 0.
  uint64_t enter(uint64_t seen) {
    uint64_t now = gate.load(std::memory_order_acquire);
    while ((now & kOpen) != 0 && now / kRound != seen) {
      if (gate.compare_exchange_weak(now, now + 1, std::memory_order_acquire)) return now / kRound;
    }
    return 0;
  }

  bool hasWork(uint64_t seen) const {
    const uint64_t now = gate.load();
    return ((now & kOpen) != 0 && now / kRound != seen) || ending.load();
  }

  void sleep(uint64_t seen) {
    std::unique_lock<std::mutex> lock(mutex);
    sleepers.fetch_add(1);
    wake.wait(lock, [&] { return hasWork(seen); });
    sleepers.fetch_sub(1);
  }

  void work(int thread) {
    FlushDenormals flush;
    uint64_t seen = 0;
    for (int spins = 0; !ending.load(std::memory_order_relaxed);) {
      const uint64_t round = enter(seen);
      if (round != 0) {
        if (thread < threads) takeTasks(thread);
        gate.fetch_sub(1, std::memory_order_release);
        seen = round;
        spins = 0;
      } else if (++spins < kSpins) {
        pauseCpu();
      } else {
        sleep(seen);
        spins = 0;
      }
    }
  }

  void run(int wanted, long tasks, long step, PoolTask function, void* argument) {
    while ((int)workers.size() < wanted - 1) {
      const int thread = (int)workers.size() + 1;
      workers.emplace_back([this, thread] { work(thread); });
    }
    count = tasks;
    grain = step;
    threads = wanted;
    task = function;
    context = argument;
    next.store(0, std::memory_order_relaxed);
    gate.store((gate.load(std::memory_order_relaxed) / kRound + 1) * kRound + kOpen);
    if (sleepers.load() > 0) {
      { std::lock_guard<std::mutex> lock(mutex); }  // a worker between its last look and its sleep is let pass
      wake.notify_all();
    }
    takeTasks(0);
    gate.fetch_and(~kOpen);
    for (int spins = 0; (gate.load(std::memory_order_acquire) & kInside) != 0;) {
      if (++spins < kSpins) pauseCpu();
      else std::this_thread::yield();
    }
  }

  void join() {
    ending.store(true);
    { std::lock_guard<std::mutex> lock(mutex); }
    wake.notify_all();
    for (std::thread& worker : workers) worker.join();
    workers.clear();
    ending.store(false);
  }
};

// Never destroyed: a thread may outlive static destruction.
Pool& pool() {
  static Pool* const instance = new Pool();
  return *instance;
}

}  // namespace

void runTasks(int threads, long count, long grain, PoolTask task, void* context) {
  if (threads > 1 && count > grain) {
    pool().run(threads, count, grain, task, context);
  } else {
    for (long i = 0; i < count; i++) task(context, i, 0);
  }
}

void joinPool() { pool().join(); }

#if defined(__x86_64__)
FlushDenormals::FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr((unsigned)before_ | 0x8040); }
FlushDenormals::~FlushDenormals() { _mm_setcsr((unsigned)before_); }
#elif defined(__aarch64__)
FlushDenormals::FlushDenormals() {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" ::"r"(before_ | (1ul << 24)));
}
FlushDenormals::~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#else
FlushDenormals::FlushDenormals() : before_(0) {}
FlushDenormals::~FlushDenormals() {}
#endif

}  // namespace nonet
