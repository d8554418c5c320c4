// Cases of matrix products: M K N TRANSPOSE_A TRANSPOSE_B. A program says how it multiplies and what it is.
#include "protocol.h"

typedef struct {
  long m, k, n;
  int transpose_a, transpose_b;  // A is stored [k, m], B [n, k]
  float *a, *b, *c;
} Product;

static void multiply(const Product* p);

static Product product;

static int prepare(const char* words) {
  Product* p = &product;
  if (sscanf(words, "%ld %ld %ld %d %d", &p->m, &p->k, &p->n, &p->transpose_a, &p->transpose_b) != 5) return 0;
  free(p->a), free(p->b), free(p->c);
  p->a = matrix(p->m * p->k, 17), p->b = matrix(p->k * p->n, 13), p->c = matrix(p->m * p->n, 1);
  return 1;
}

static void repetition(void) { multiply(&product); }
