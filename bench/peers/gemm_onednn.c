#include "gemm.h"

#include <dnnl.h>

static void multiply(const Product* p) {
  const dnnl_dim_t lda = p->transpose_a ? p->m : p->k, ldb = p->transpose_b ? p->k : p->n;
  if (dnnl_sgemm(p->transpose_a ? 'T' : 'N', p->transpose_b ? 'T' : 'N', p->m, p->n, p->k, 1, p->a, lda, p->b, ldb, 0,
                 p->c, p->n) != dnnl_success)
    exit(1);
}

int main(void) {
  char version[64];
  const dnnl_version_t* v = dnnl_version();
  snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
  return serve(version);
}
