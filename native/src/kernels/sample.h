// Draws one token from log-probabilities. Plain double arithmetic, compiled once for all instruction sets, so that a
// sample is the same on each.
#pragma once

#include <math.h>
#include <stdint.h>

#include <algorithm>

namespace nonet {

struct SampleSettings {
  float temperature;  // 0: the most probable token
  float topK;         // 0: all
  float topP;         // 1: all
};

inline size_t sampleScratchBytes(int64_t vocabulary) { return (size_t)vocabulary * (sizeof(double) + sizeof(int32_t)); }

// First index of the largest value, NaN passed over; 0 if there is none.
inline int32_t firstLargest(const float* logits, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (logits[i] > logits[best] || logits[best] != logits[best]) best = i;
  }
  return (int32_t)best;
}

// `uniform` lies in [0, 1).
inline int32_t sampleToken(const float* logits, int64_t count, double uniform, const SampleSettings& settings, void* scratch) {
  const int32_t top = firstLargest(logits, count);
  const double largest = logits[top];
  if (!(settings.temperature > 0) || !(largest > -INFINITY) || largest == INFINITY) return top;

  double* weight = (double*)scratch;
  for (int64_t i = 0; i < count; i++) {
    weight[i] = logits[i] > -INFINITY ? exp(((double)logits[i] - largest) / (double)settings.temperature) : 0.0;
  }
  const bool limited = settings.topK >= 1 && settings.topK < (float)count;
  if (limited || settings.topP < 1) {
    // Most probable first, of equals the lower index; what falls behind the cut loses its weight.
    int32_t* order = (int32_t*)(weight + count);
    for (int64_t i = 0; i < count; i++) order[i] = (int32_t)i;
    std::sort(order, order + count, [&](int32_t a, int32_t b) { return weight[a] != weight[b] ? weight[a] > weight[b] : a < b; });
    int64_t kept = limited ? (int64_t)settings.topK : count;
    if (settings.topP < 1) {
      double total = 0, sum = 0;
      for (int64_t i = 0; i < kept; i++) total += weight[order[i]];
      int64_t enough = 0;
      while (enough < kept) {
        sum += weight[order[enough++]];
        if (sum >= (double)settings.topP * total) break;
      }
      kept = enough;
    }
    for (int64_t i = kept; i < count; i++) weight[order[i]] = 0;
  }

  double total = 0, sum = 0;
  for (int64_t i = 0; i < count; i++) total += weight[i];
  int32_t last = top;
  for (int64_t i = 0; i < count; i++) {
    if (!(weight[i] > 0)) continue;
    sum += weight[i];
    last = (int32_t)i;
    if (sum > uniform * total) break;
  }
  return last;
}

}  // namespace nonet
