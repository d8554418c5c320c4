// The peers' side of the protocol in process.mjs, for programs in C: they say how a case is made and what a repetition does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int prepare(const char* words);  // makes the case that the words name; 0 where it cannot
static void repetition(void);

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
  char line[256];
  int made = 0;
  printf("ready %s\n", version);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    long n;
    if (!strncmp(line, "case ", 5)) {
      made = prepare(line + 5);
      printf(made ? "ok\n" : "failed no such case\n");
    } else if (sscanf(line, "run %ld", &n) == 1 && made) {
      const double start = now();
      for (long i = 0; i < n; i++) repetition();
      printf("%.9f\n", now() - start);
    } else {
      fprintf(stderr, "unknown line: %s", line);
      return 1;
    }
    fflush(stdout);
  }
  return 0;
}
