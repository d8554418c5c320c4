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

uint64_t readAll(const uint64_t* p, size_t words) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= words; i += 8)
    for (int k = 0; k < 8; k++) sums[k] += p[i + k];
  return sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7];
}

double bandwidth(const ProbeJob& job, uint8_t* data) {
  volatile uint64_t keep = 0;
  double bytes = 0;
  const Clock::time_point start = Clock::now();
  for (;;) {
    if (job.kind == ProbeKind::copy) {
      memcpy(data + job.share / 2, data, job.share / 2);
      keep = keep + data[job.share - 1];
    } else {
      keep = keep + readAll((const uint64_t*)data, job.share / 8);
    }
    bytes += (double)job.share;
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (elapsed >= job.seconds) return bytes / elapsed / 1e9;
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
