// Rows by index, and their gradients.
#pragma once

static void gatherRows(const uint8_t* table, const int32_t* index, uint8_t* out, long begin, long end, size_t bytes,
                       size_t tableStride, size_t outStride) {
  for (long r = begin; r < end; r++) memmove(out + (size_t)r * outStride, table + (size_t)index[r] * tableStride, bytes);
}

static void scatterAddRows(const int32_t* index, const float* updates, float* out, long rows, long columns, long tableRows,
                           long updatesStride, long begin, long end) {
  for (long r = 0; r < tableRows; r++) memset(out + r * columns + begin, 0, (size_t)(end - begin) * sizeof(float));
  for (long r = 0; r < rows; r++) {
    const float* from = updates + r * updatesStride;
    float* to = out + (long)index[r] * columns;
#pragma GCC ivdep
    for (long c = begin; c < end; c++) to[c] += from[c];
  }
}

static void takeAlong(const float* x, const int32_t* index, float* out, long begin, long end, long count, long xStride) {
  for (long r = begin; r < end; r++)
    for (long p = 0; p < count; p++) out[r * count + p] = x[r * xStride + index[r * count + p]];
}

static void putAlong(const int32_t* index, const float* updates, float* out, long begin, long end, long columns, long count) {
  for (long r = begin; r < end; r++) {
    float* row = out + r * columns;
    memset(row, 0, (size_t)columns * sizeof(float));
    for (long p = 0; p < count; p++) row[index[r * count + p]] += updates[r * count + p];
  }
}
