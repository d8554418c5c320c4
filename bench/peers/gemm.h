// The peers' protocol for matrix products; see process.mjs. A program says how it multiplies and what it is.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  long m, k, n;
  int transpose_a, transpose_b;  // A is stored [k, m], B [n, k]
  float *a, *b, *c;
} Product;

static void multiply(const Product* p);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float* matrix(long count, int modulus) {
  float* data = aligned_alloc(64, ((size_t)count * sizeof(float) + 63) / 64 * 64);
  if (!data) exit(1);
  for (long i = 0; i < count; i++) data[i] = (float)(i % modulus - modulus / 2);
  return data;
}

static int serve(const char* version) {
  Product p = {0};
  char line[256];
  printf("ready %s\n", version);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    long n;
    if (sscanf(line, "case %ld %ld %ld %d %d", &p.m, &p.k, &p.n, &p.transpose_a, &p.transpose_b) == 5) {
      free(p.a), free(p.b), free(p.c);
      p.a = matrix(p.m * p.k, 17), p.b = matrix(p.k * p.n, 13), p.c = matrix(p.m * p.n, 1);
      printf("ok\n");
    } else if (sscanf(line, "run %ld", &n) == 1 && p.a) {
      const double start = now();
      for (long i = 0; i < n; i++) multiply(&p);
      printf("%.9f\n", now() - start);
    } else {
      fprintf(stderr, "unknown line: %s", line);
      return 1;
    }
    fflush(stdout);
  }
  return 0;
}
