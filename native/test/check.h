// A few lines of test harness for the native kernels.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <string>
#include <vector>

#include "../src/kernels/table.h"

using Vector = std::vector<float>;

inline int failures = 0;
inline void check(bool ok, const std::string& what) {
  if (ok) return;
  failures++;
  printf("FAILED: %s\n", what.c_str());
}

// Small deterministic generator: the test draws the same shapes and values everywhere.
struct Random {
  uint64_t state = 0x9e3779b97f4a7c15u;
  uint32_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
  }
  long between(long low, long high) { return low + (long)(next() % (uint32_t)(high - low + 1)); }
  bool coin() { return next() & 1; }
  float value() { return (float)((double)next() / 2147483648.0 * 2 - 1); }
  Vector values(long n) {
    Vector v((size_t)n);
    for (float& x : v) x = value();
    return v;
  }
};

inline bool sameBits(const float* a, const float* b, long n) { return memcmp(a, b, sizeof(float) * (size_t)n) == 0; }

// Memory aligned as scratch and packed buffers must be, with NaN in it and a guard behind it.
struct Buffer {
  std::vector<float> memory;
  float* data;
  size_t floats;
  explicit Buffer(size_t bytes) : memory(bytes / 4 + 16 + 32, nanf("")), floats(bytes / 4) {
    data = (float*)(((uintptr_t)memory.data() + 63) / 64 * 64);
    for (int i = 0; i < 16; i++) data[floats + (size_t)i] = 12345.0f;
  }
  bool guardHolds() const {
    for (int i = 0; i < 16; i++)
      if (data[floats + (size_t)i] != 12345.0f) return false;
    return true;
  }
};

void testGemm(const nonet::KernelTable& table);
void testAttention(const nonet::KernelTable& table);
void testBf16(const nonet::KernelTable& table);
void testBf16Units();
