// Draws one token from log-probabilities. Plain double arithmetic, compiled once for all instruction sets, so that a
// sample is the same on each. What is kept is decided by the probabilities at temperature 1 (src/tensor/ops/sample.ts
// has the rule); the temperature only says how what is kept is drawn from.
#pragma once

#include <math.h>
#include <stdint.h>

#include <algorithm>

namespace nonet {

struct SampleSettings {
  float temperature;     // 0: the most probable token that is kept
  float topK;            // 0: all
  float topP;            // 1: all
  float typicalMass;     // 1: all
  float minProbability;  // tokens from here on stay, whatever top-k, top-p and top-a say; 1: these decide alone
  float topAScale;       // 0: all
  float topAPower;
};

constexpr int64_t sampleSettings = sizeof(SampleSettings) / sizeof(float);

// For each token its probability and one more number, its place in an order, and whether it is kept.
inline size_t sampleScratchBytes(int64_t vocabulary) {
  return (size_t)vocabulary * (2 * sizeof(double) + sizeof(int32_t) + sizeof(bool));
}

struct SampleScratch {
  double* probability;
  double* value;
  int32_t* order;
  bool* kept;

  SampleScratch(void* memory, int64_t count)
      : probability((double*)memory), value(probability + count), order((int32_t*)(value + count)), kept((bool*)(order + count)) {}
};

// First index of the largest value, NaN passed over; 0 if there is none.
inline int32_t firstLargest(const float* logits, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (logits[i] > logits[best] || logits[best] != logits[best]) best = i;
  }
  return (int32_t)best;
}

// Indices in the order of a value, of equal ones the lower index first.
template <typename Before>
inline void sortIndices(int32_t* order, int64_t count, const Before& before) {
  for (int64_t i = 0; i < count; i++) order[i] = (int32_t)i;
  std::sort(order, order + count, [&](int32_t a, int32_t b) { return before(a, b) || (!before(b, a) && a < b); });
}

// Drops what top-k, top-p and top-a leave out and is below the min-probability.
inline void dropImprobable(const SampleScratch& s, int64_t count, double largest, const SampleSettings& settings) {
  const bool limited = settings.topK >= 1 && settings.topK < (float)count;
  if (limited || settings.topP < 1) {
    sortIndices(s.order, count, [&](int32_t a, int32_t b) { return s.probability[a] > s.probability[b]; });
    double before = 0;
    for (int64_t rank = 0; rank < count; rank++) {
      const double probability = s.probability[s.order[rank]];
      const bool outside = (limited && (float)rank >= settings.topK) || (settings.topP < 1 && rank > 0 && before >= settings.topP);
      if (outside && probability < settings.minProbability) s.kept[s.order[rank]] = false;
      before += probability;
    }
  }
  if (settings.topAScale > 0) {
    const double bound = settings.topAScale * pow(largest, (double)settings.topAPower);
    for (int64_t i = 0; i < count; i++) {
      if (s.probability[i] < bound && s.probability[i] < settings.minProbability) s.kept[i] = false;
    }
  }
}

// Drops what lies outside of the smallest set of that mass whose surprise is nearest to the entropy. `logTotal` turns
// logits less the largest one into log-probabilities.
inline void dropUntypical(const SampleScratch& s, const float* logits, int64_t count, double largest, double logTotal, double mass) {
  double entropy = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!(s.probability[i] > 0)) continue;
    entropy -= s.probability[i] * (((double)logits[i] - largest) - logTotal);
  }
  for (int64_t i = 0; i < count; i++) {
    s.value[i] = s.probability[i] > 0 ? fabs((((double)logits[i] - largest) - logTotal) + entropy) : INFINITY;
  }
  sortIndices(s.order, count, [&](int32_t a, int32_t b) { return s.value[a] < s.value[b]; });
  double before = 0;
  for (int64_t rank = 0; rank < count; rank++) {
    if (rank > 0 && before >= mass) s.kept[s.order[rank]] = false;
    before += s.probability[s.order[rank]];
  }
}

// `uniform` lies in [0, 1).
inline int32_t sampleToken(const float* logits, int64_t count, double uniform, const SampleSettings& settings, void* scratch) {
  const int32_t top = firstLargest(logits, count);
  const double largest = logits[top];
  if (!(largest > -INFINITY) || largest == INFINITY) return top;

  const SampleScratch s(scratch, count);
  double total = 0;
  for (int64_t i = 0; i < count; i++) {
    s.probability[i] = logits[i] > -INFINITY ? exp((double)logits[i] - largest) : 0.0;
    total += s.probability[i];
  }
  for (int64_t i = 0; i < count; i++) {
    s.probability[i] /= total;
    s.kept[i] = s.probability[i] > 0;
  }
  dropImprobable(s, count, s.probability[top], settings);
  if (settings.typicalMass < 1) dropUntypical(s, logits, count, largest, log(total), settings.typicalMass);

  int32_t first = -1;
  for (int64_t i = 0; i < count; i++) {
    if (s.kept[i] && (first < 0 || logits[i] > logits[first])) first = (int32_t)i;
  }
  if (first < 0) return top;
  if (!(settings.temperature > 0)) return first;

  double* weight = s.value;
  double weights = 0, sum = 0;
  for (int64_t i = 0; i < count; i++) {
    weight[i] = s.kept[i] ? exp(((double)logits[i] - (double)logits[first]) / (double)settings.temperature) : 0.0;
    weights += weight[i];
  }
  int32_t last = first;
  for (int64_t i = 0; i < count; i++) {
    if (!(weight[i] > 0)) continue;
    sum += weight[i];
    last = (int32_t)i;
    if (sum > uniform * weights) break;
  }
  return last;
}

}  // namespace nonet
