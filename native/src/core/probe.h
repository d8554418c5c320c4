// What the machine can do, measured.
#pragma once

#include <stddef.h>

namespace nonet {

enum class ProbeKind { fma, copy, read };

// GFLOP/s of multiply-adds, or GB/s over `bytes` of memory (a copy counts what it reads and what it writes), of all
// `threads` together, over about `seconds`. Takes `bytes` through the counting allocator.
double probe(ProbeKind kind, double seconds, int threads, size_t bytes);

}  // namespace nonet
