#include "probe.h"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "allocator.h"
#include "isa.h"
#include "pool.h"

namespace nonet {
namespace {

using Clock = std::chrono::steady_clock;

struct ProbeJob {
  ProbeKind kind;
  double seconds;
  size_t share;  // bytes per thread
  uint8_t* data;
  std::vector<double> rates;  // per task
};

// The best of ten stretches or more: other programs on the machine only ever make one slower.
double bandwidth(const ProbeJob& job, uint8_t* data) {
  [[maybe_unused]] volatile float keep = 0;
  double best = 0, bytes = 0;
  const auto seconds = [](Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); };
  const Clock::time_point start = Clock::now();
  Clock::time_point stretch = start;
  for (;;) {
    if (job.kind == ProbeKind::copy) {
      memcpy(data + job.share / 2, data, job.share / 2);
      keep = (float)data[job.share - 1];
    } else {
      keep = kernels().readProbe((const float*)data, (long)(job.share / sizeof(float)));
    }
    bytes += (double)job.share;
    const double elapsed = seconds(stretch);
    if (elapsed < job.seconds / 10) continue;
    best = std::max(best, bytes / elapsed / 1e9);
    if (seconds(start) >= job.seconds) return best;
    bytes = 0;
    stretch = Clock::now();
  }
}

}  // namespace

double probe(ProbeKind kind, double seconds, int threads, size_t bytes) {
  ProbeJob job{kind, seconds, std::max<size_t>(128, bytes / (size_t)threads / 128 * 128), nullptr, {}};
  job.rates.assign((size_t)threads, 0.0);
  std::shared_ptr<Memory> memory;
  if (kind != ProbeKind::fma) {
    memory = Memory::zeroed(job.share * (size_t)threads);
    memset(memory->data(), 1, memory->bytes());
    job.data = memory->data();
  }
  runTasks(threads, threads, 1, [](void* context, long task, int) {
    ProbeJob& j = *(ProbeJob*)context;
    j.rates[(size_t)task] = j.kind == ProbeKind::fma ? kernels().fmaProbe(j.seconds)
                                                     : bandwidth(j, j.data + (size_t)task * j.share);
  }, &job);
  double total = 0;
  for (double rate : job.rates) total += rate;
  return total;
}

}  // namespace nonet
