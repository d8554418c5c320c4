#include "gemm.h"

#include <cblas.h>

char* openblas_get_config(void);
char* openblas_get_corename(void);

static void multiply(const Product* p) {
  cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans, p->transpose_b ? CblasTrans : CblasNoTrans,
              (int)p->m, (int)p->n, (int)p->k, 1, p->a, (int)(p->transpose_a ? p->m : p->k), p->b,
              (int)(p->transpose_b ? p->k : p->n), 0, p->c, (int)p->n);
}

int main(void) {
  char version[128];
  int number = 0;
  // "OpenBLAS 0.3.21 NO_LAPACKE ...": the number is the second word.
  const char* config = openblas_get_config();
  const char* space = strchr(config, ' ');
  if (space) number = (int)strcspn(space + 1, " ");
  snprintf(version, sizeof version, "%.*s (%s)", number, space ? space + 1 : "", openblas_get_corename());
  return serve(version);
}
