// Work on rows as a person would write it for one machine: one loop nest per function, each row read and written once
// while it is in the first-level cache, forward and backward together. The case is as in rows.py. Lines:
//     case NAME ROWS COLUMNS PASS    ok
//     run N                          seconds
//     look y|dx|dw INDEX             that number, for the test
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rows_hand.h"

typedef struct {
  long rows, columns;
  float *x, *y, *dy, *dx;         // [rows, columns]; for AdamW parameter, first moment, gradient, second moment
  float *w, *b, *dw, *db;         // [columns]
  int32_t* targets;               // [rows]
  long step;
} Work;

#define EACH_GROUP(c) for (long c = 0; c < k->columns; c += GROUP)
#define EACH_VECTOR(i) for (int i = 0; i < 4; i++)
#define FOUR {splat(0), splat(0), splat(0), splat(0)}

INLINE float sum_four(const V* s) { return sum_of((s[0] + s[1]) + (s[2] + s[3])); }

// The parts of the gradient of a weight or bias that one row adds.
INLINE void accumulate(float* into, V v) { store(into, load(into) + v); }

static void clear_sums(const Work* k) {
  memset(k->dw, 0, (size_t)k->columns * sizeof(float));
  memset(k->db, 0, (size_t)k->columns * sizeof(float));
}

INLINE void rms_norm(const Work* k, int both) {
  if (both) clear_sums(k);
  const float n = (float)k->columns;
  for (long row = 0; row < k->rows; row++) {
    const float *x = k->x + row * k->columns, *dy = k->dy + row * k->columns;
    float *y = k->y + row * k->columns, *dx = k->dx + row * k->columns;
    V squares[4] = FOUR, products[4] = FOUR;
    EACH_GROUP(c) EACH_VECTOR(i) {
      const V v = load(x + c + i * WIDTH);
      squares[i] += v * v;
      if (both) products[i] += load(dy + c + i * WIDTH) * load(k->w + c + i * WIDTH) * v;
    }
    const float r = 1.0f / sqrtf(sum_four(squares) / n + 1e-5f);
    const float back = both ? r * r * r * sum_four(products) / n : 0;
    EACH_GROUP(c) EACH_VECTOR(i) {
      const long at = c + i * WIDTH;
      const V v = load(x + at), w = load(k->w + at), scaled = v * r;
      store(y + at, scaled * w);
      if (!both) continue;
      const V d = load(dy + at);
      store(dx + at, d * w * r - v * back);
      accumulate(k->dw + at, d * scaled);
    }
  }
}

INLINE void layer_norm(const Work* k, int both) {
  if (both) clear_sums(k);
  const float n = (float)k->columns;
  for (long row = 0; row < k->rows; row++) {
    const float *x = k->x + row * k->columns, *dy = k->dy + row * k->columns;
    float *y = k->y + row * k->columns, *dx = k->dx + row * k->columns;
    V sums[4] = FOUR, squares[4] = FOUR, plain[4] = FOUR, products[4] = FOUR;
    EACH_GROUP(c) EACH_VECTOR(i) sums[i] += load(x + c + i * WIDTH);
    const float mean = sum_four(sums) / n;
    EACH_GROUP(c) EACH_VECTOR(i) {
      const long at = c + i * WIDTH;
      const V centered = load(x + at) - mean;
      squares[i] += centered * centered;
      if (!both) continue;
      const V g = load(dy + at) * load(k->w + at);
      plain[i] += g;
      products[i] += g * centered;
    }
    const float r = 1.0f / sqrtf(sum_four(squares) / n + 1e-5f);
    const float shift = both ? sum_four(plain) / n : 0;
    const float back = both ? r * r * sum_four(products) / n : 0;
    EACH_GROUP(c) EACH_VECTOR(i) {
      const long at = c + i * WIDTH;
      const V centered = load(x + at) - mean, scaled = centered * r, w = load(k->w + at);
      store(y + at, scaled * w + load(k->b + at));
      if (!both) continue;
      const V d = load(dy + at);
      store(dx + at, (d * w - shift - centered * back) * r);
      accumulate(k->dw + at, d * scaled);
      accumulate(k->db + at, d);
    }
  }
}

INLINE float row_largest(const Work* k, const float* x) {
  V largest[4];
  EACH_VECTOR(i) largest[i] = load(x + i * WIDTH);
  EACH_GROUP(c) EACH_VECTOR(i) largest[i] = max_v(largest[i], load(x + c + i * WIDTH));
  return largest_of(max_v(max_v(largest[0], largest[1]), max_v(largest[2], largest[3])));
}

// e^(x - the largest) into y, or nowhere; returns the sum.
INLINE float row_exp(const Work* k, const float* x, float largest, float* y) {
  V sums[4] = FOUR;
  EACH_GROUP(c) EACH_VECTOR(i) {
    const V e = exp_v(load(x + c + i * WIDTH) - largest);
    if (y) store(y + c + i * WIDTH, e);
    sums[i] += e;
  }
  return sum_four(sums);
}

INLINE void softmax(const Work* k, int both) {
  for (long row = 0; row < k->rows; row++) {
    const float *x = k->x + row * k->columns, *dy = k->dy + row * k->columns;
    float *y = k->y + row * k->columns, *dx = k->dx + row * k->columns;
    const float share = 1.0f / row_exp(k, x, row_largest(k, x), y);
    V products[4] = FOUR;
    EACH_GROUP(c) EACH_VECTOR(i) {
      const long at = c + i * WIDTH;
      const V p = load(y + at) * share;
      store(y + at, p);
      if (both) products[i] += p * load(dy + at);
    }
    if (!both) continue;
    const float total = sum_four(products);
    EACH_GROUP(c) EACH_VECTOR(i) {
      const long at = c + i * WIDTH;
      store(dx + at, load(y + at) * (load(dy + at) - total));
    }
  }
}

INLINE void gelu(const Work* k, int both) {
  const float slope = 1.5957691216f, cubic = 0.044715f;  // 2 sqrt(2 / pi)
  for (long at = 0; at < k->rows * k->columns; at += WIDTH) {
    const V x = load(k->x + at), square = x * x;
    const V s = 1.0f / (1.0f + exp_v(x * (square * (-slope * cubic) - slope)));
    const V y = x * s;
    store(k->y + at, y);
    if (both) store(k->dx + at, load(k->dy + at) * (s + y * (1.0f - s) * (square * (3 * slope * cubic) + slope)));
  }
}

INLINE void cross_entropy(const Work* k, int both) {
  double loss = 0;
  const float each = 1.0f / (float)k->rows;
  for (long row = 0; row < k->rows; row++) {
    const float* x = k->x + row * k->columns;
    float* dx = k->dx + row * k->columns;
    const float largest = row_largest(k, x);
    const float sum = row_exp(k, x, largest, both ? dx : NULL);
    loss += logf(sum) + largest - x[k->targets[row]];
    if (!both) continue;
    const float share = each / sum;
    EACH_GROUP(c) EACH_VECTOR(i) store(dx + c + i * WIDTH, load(dx + c + i * WIDTH) * share);
    dx[k->targets[row]] -= each;
  }
  k->y[0] = (float)(loss * each);
}

static void adam_w(Work* k) {
  const float rate = 1e-3f, first = 0.9f, second = 0.999f, epsilon = 1e-8f, decay = 0.01f;
  k->step++;
  const float move = rate / (1 - powf(first, (float)k->step));
  const float scale = 1 / (1 - powf(second, (float)k->step));
  for (long at = 0; at < k->rows * k->columns; at += WIDTH) {
    const V g = load(k->dy + at);
    const V m = load(k->y + at) * first + g * (1 - first);
    const V v = load(k->dx + at) * second + g * g * (1 - second);
    store(k->y + at, m);
    store(k->dx + at, v);
    store(k->x + at, load(k->x + at) * (1 - rate * decay) - m * move / (sqrt_v(v * scale) + epsilon));
  }
}

static void rms_norm_forward(Work* k) { rms_norm(k, 0); }
static void rms_norm_both(Work* k) { rms_norm(k, 1); }
static void layer_norm_forward(Work* k) { layer_norm(k, 0); }
static void layer_norm_both(Work* k) { layer_norm(k, 1); }
static void softmax_forward(Work* k) { softmax(k, 0); }
static void softmax_both(Work* k) { softmax(k, 1); }
static void gelu_forward(Work* k) { gelu(k, 0); }
static void gelu_both(Work* k) { gelu(k, 1); }
static void cross_entropy_forward(Work* k) { cross_entropy(k, 0); }
static void cross_entropy_both(Work* k) { cross_entropy(k, 1); }

static const struct {
  const char *name, *pass;
  void (*call)(Work*);
} table[] = {
    {"rmsNorm", "forward", rms_norm_forward},     {"rmsNorm", "both", rms_norm_both},
    {"layerNorm", "forward", layer_norm_forward}, {"layerNorm", "both", layer_norm_both},
    {"softmax", "forward", softmax_forward},      {"softmax", "both", softmax_both},
    {"gelu", "forward", gelu_forward},            {"gelu", "both", gelu_both},
    {"crossEntropy", "forward", cross_entropy_forward},
    {"crossEntropy", "both", cross_entropy_both}, {"adamW", "update", adam_w},
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Numbers in [-1, 1) from a fixed sequence, times `scale` and around `middle`.
static float* noise(long count, uint32_t seed, float scale, float middle) {
  float* data = aligned_alloc(64, ((size_t)count * sizeof(float) + 63) / 64 * 64);
  if (!data) exit(1);
  for (long i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    data[i] = middle + scale * (float)(seed / 2147483648.0 - 1);
  }
  return data;
}

static void prepare(Work* k) {
  float** arrays[] = {&k->x, &k->y, &k->dy, &k->dx, &k->w, &k->b, &k->dw, &k->db};
  for (int i = 0; i < 8; i++) free(*arrays[i]);
  free(k->targets);
  const long count = k->rows * k->columns;
  k->x = noise(count, 1, 1, 0), k->dy = noise(count, 2, 1, 0);
  k->y = noise(count, 0, 0, 0), k->dx = noise(count, 0, 0, 0);
  k->w = noise(k->columns, 3, 0.5f, 1), k->b = noise(k->columns, 4, 0.5f, 0);
  k->dw = noise(k->columns, 0, 0, 0), k->db = noise(k->columns, 0, 0, 0);
  k->targets = malloc((size_t)k->rows * sizeof(int32_t));
  if (!k->targets) exit(1);
  for (long row = 0; row < k->rows; row++) k->targets[row] = (int32_t)(row * 7919 % k->columns);
  k->step = 0;
}

int main(void) {
  Work k = {0};
  void (*call)(Work*) = NULL;
  char line[256], name[32], pass[32];
  long number;
  printf("ready %d floats wide\n", WIDTH);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "case %31s %ld %ld %31s", name, &k.rows, &k.columns, pass) == 4) {
      call = NULL;
      for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(name, table[i].name) && !strcmp(pass, table[i].pass)) call = table[i].call;
      if (!call || k.rows < 1 || k.columns < GROUP || k.columns % GROUP) {
        call = NULL;
        printf("failed no loop for this\n");
      } else {
        prepare(&k);
        printf("ok\n");
      }
    } else if (sscanf(line, "run %ld", &number) == 1 && call) {
      const double start = now();
      for (long i = 0; i < number; i++) call(&k);
      printf("%.9f\n", now() - start);
    } else if (sscanf(line, "look %31s %ld", name, &number) == 2 && call) {
      const float* from = !strcmp(name, "y") ? k.y : !strcmp(name, "dx") ? k.dx : !strcmp(name, "dw") ? k.dw : k.x;
      printf("%.9g\n", (double)from[number]);
    } else {
      fprintf(stderr, "unknown line: %s", line);
      return 1;
    }
    fflush(stdout);
  }
  return 0;
}
