// Causal convolutions along positions: case BATCH LENGTH TAPS INPUTS OUTPUTS PASS, where PASS is forward, dX or dW. Arrays
// lie as the library likes best, weights too: bringing them there is not measured.
#include "protocol.h"

#include <dnnl.h>

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static dnnl_primitive_t primitive;
static dnnl_memory_t memories[3];
static dnnl_exec_arg_t arguments[3];

static void check(dnnl_status_t status) {
  if (status == dnnl_success) return;
  fprintf(stderr, "oneDNN status %d\n", (int)status);
  exit(1);
}

static dnnl_memory_t filled(const dnnl_memory_desc_t* description, int modulus) {
  const long count = (long)(dnnl_memory_desc_get_size(description) / sizeof(float));
  dnnl_memory_t memory;
  check(dnnl_memory_create(&memory, description, engine, matrix(count, modulus)));
  return memory;
}

static void release(void) {
  if (!primitive) return;
  dnnl_primitive_destroy(primitive);
  for (int i = 0; i < 3; i++) {
    void* data;
    check(dnnl_memory_get_data_handle(memories[i], &data));
    check(dnnl_memory_destroy(memories[i]));
    free(data);
  }
  primitive = NULL;
}

static int prepare(const char* words) {
  long batch, length, taps, inputs, outputs;
  char pass[16];
  if (sscanf(words, "%ld %ld %ld %ld %ld %15s", &batch, &length, &taps, &inputs, &outputs, pass) != 6) return 0;
  release();
  const dnnl_dims_t sizes[3] = {{batch, inputs, length}, {outputs, inputs, taps}, {batch, outputs, length}};
  const dnnl_dims_t strides = {1}, left = {taps - 1}, right = {0};
  dnnl_memory_desc_t x, w, y;
  dnnl_memory_desc_t* descriptions[3] = {&x, &w, &y};
  for (int i = 0; i < 3; i++)
    check(dnnl_memory_desc_init_by_tag(descriptions[i], 3, sizes[i], dnnl_f32, dnnl_format_tag_any));
  dnnl_convolution_desc_t convolution;
  const dnnl_alg_kind_t direct = dnnl_convolution_direct;
  int names[3], kinds[3];
  check(dnnl_convolution_forward_desc_init(&convolution, dnnl_forward_training, direct, &x, &w, NULL, &y, strides, left, right));
  dnnl_primitive_desc_t forward, chosen;
  check(dnnl_primitive_desc_create(&forward, &convolution, NULL, engine, NULL));
  if (!strcmp(pass, "forward")) {
    check(dnnl_primitive_desc_clone(&chosen, forward));
    memcpy(names, (int[]){DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}, sizeof names);
    memcpy(kinds, (int[]){dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md}, sizeof kinds);
  } else if (!strcmp(pass, "dX")) {
    check(dnnl_convolution_backward_data_desc_init(&convolution, direct, &x, &w, &y, strides, left, right));
    check(dnnl_primitive_desc_create(&chosen, &convolution, NULL, engine, forward));
    memcpy(names, (int[]){DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST}, sizeof names);
    memcpy(kinds, (int[]){dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md}, sizeof kinds);
  } else if (!strcmp(pass, "dW")) {
    check(dnnl_convolution_backward_weights_desc_init(&convolution, direct, &x, &w, NULL, &y, strides, left, right));
    check(dnnl_primitive_desc_create(&chosen, &convolution, NULL, engine, forward));
    memcpy(names, (int[]){DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}, sizeof names);
    memcpy(kinds, (int[]){dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md}, sizeof kinds);
  } else {
    dnnl_primitive_desc_destroy(forward);
    return 0;
  }
  for (int i = 0; i < 3; i++) {
    memories[i] = filled(dnnl_primitive_desc_query_md(chosen, (dnnl_query_t)kinds[i], 0), 17);
    arguments[i] = (dnnl_exec_arg_t){names[i], memories[i]};
  }
  check(dnnl_primitive_create(&primitive, chosen));
  dnnl_primitive_desc_destroy(chosen);
  dnnl_primitive_desc_destroy(forward);
  return 1;
}

static void repetition(void) {
  check(dnnl_primitive_execute(primitive, stream, 3, arguments));
  check(dnnl_stream_wait(stream));
}

int main(void) {
  check(dnnl_engine_create(&engine, dnnl_cpu, 0));
  check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
  char version[64];
  const dnnl_version_t* v = dnnl_version();
  snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
  return serve(version);
}
