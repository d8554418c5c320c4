// Q of a QR decomposition by Householder's reflections. Plain double arithmetic, compiled once for all instruction sets, so
// that it is the same on each.
#pragma once

#include <math.h>
#include <stdint.h>

namespace nonet {

// The columns of the matrix and those of Q.
inline int64_t orthonormalScratchBytes(int64_t rows, int64_t columns) { return 2 * rows * columns * (int64_t)sizeof(double); }

// In four sums, whose order depends on the count alone.
inline double dotProduct(const double* a, const double* b, int64_t count) {
  double sums[4] = {0, 0, 0, 0};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int64_t k = 0; k < 4; k++) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < count; i++) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// x -= 2 v (v x) / (v v)
inline void reflect(double* x, const double* v, double square, int64_t count) {
  if (square == 0) return;
  double factor = 2 * dotProduct(v, x, count) / square;
  for (int64_t i = 0; i < count; i++) x[i] -= factor * v[i];
}

// x and q are [rows, columns], columns <= rows.
inline void orthonormalColumns(const float* x, float* q, int64_t rows, int64_t columns, double* scratch) {
  double* vectors = scratch;  // column by column: each becomes the vector of its reflection
  double* result = scratch + rows * columns;
  for (int64_t j = 0; j < columns; j++) {
    for (int64_t i = 0; i < rows; i++) {
      vectors[j * rows + i] = x[i * columns + j];
      result[j * rows + i] = 0;
    }
  }
  for (int64_t k = 0; k < columns; k++) {
    double* v = vectors + k * rows + k;
    double length = sqrt(dotProduct(v, v, rows - k));
    bool flipped = v[0] >= 0;
    v[0] += flipped ? length : -length;
    double square = dotProduct(v, v, rows - k);
    for (int64_t j = k + 1; j < columns; j++) reflect(vectors + j * rows + k, v, square, rows - k);
    // The sign that makes the diagonal of R positive.
    result[k * rows + k] = flipped && length > 0 ? -1 : 1;
  }
  for (int64_t k = columns - 1; k >= 0; k--) {
    const double* v = vectors + k * rows + k;
    double square = dotProduct(v, v, rows - k);
    for (int64_t j = k; j < columns; j++) reflect(result + j * rows + k, v, square, rows - k);
  }
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) q[i * columns + j] = (float)result[j * rows + i];
  }
}

}  // namespace nonet
