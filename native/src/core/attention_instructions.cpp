// Kernels 4 (attentionForward) and 5 (attentionBackward).
#include "executor.h"
#include "instructions.h"

namespace nonet {
namespace {

// The shape parameters that both directions begin with.
AttentionArgs readShape(InstructionReader& reader) {
  AttentionArgs args{};
  args.batch = reader.integer("batch");
  args.heads = reader.integer("heads");
  args.queries = reader.integer("queries");
  args.keys = reader.integer("keys");
  args.headDim = reader.integer("headDim", 1, 256);
  args.causal = reader.flag("causal");
  args.scale = (float)reader.real("scale");
  return args;
}

void readBand(InstructionReader& reader, AttentionArgs& args) {
  args.chunk = reader.integer("chunk");
  args.overlap = reader.integer("overlap");
}

AttentionStrides readStrides(InstructionReader& reader) {
  AttentionStrides strides;
  strides.batch = reader.integer("batch stride");
  strides.position = reader.integer("position stride");
  strides.head = reader.integer("head stride");
  return strides;
}

void checkTensor(const InstructionReader& reader, const Operand& operand, const char* name, Access access,
                 const AttentionArgs& args, long positions, const AttentionStrides& strides) {
  reader.check(operand, name, access, 4,
               {{args.batch, strides.batch}, {positions, strides.position}, {args.heads, strides.head}, {args.headDim, 1}});
}

// Softmax statistics [batch, heads, queries] and the two optional vectors of the batch.
void checkVectors(const InstructionReader& reader, const AttentionArgs& args, const Operand& lse, Access access,
                  const Operand& keyLength, const Operand& queryOffset) {
  reader.check(lse, "lse", access, 4, {{args.batch, args.heads * args.queries}, {args.heads, args.queries}, {args.queries, 1}});
  reader.check(keyLength, "keyLength", Access::read, 4, {{args.batch, 1}});
  reader.check(queryOffset, "queryOffset", Access::read, 4, {{args.batch, 1}});
}

void checkSizes(const InstructionReader& reader, const AttentionArgs& args) {
  const __int128 rows = (__int128)(args.batch > 0 ? args.batch : 1) * args.heads;
  if (rows > kMaxDimension || rows * args.queries > kMaxDimension || rows * args.keys > kMaxDimension) {
    reader.fail("batch * heads * positions is too large");
  }
}

class AttentionForward : public Instruction {
 public:
  explicit AttentionForward(InstructionReader& reader) : args(readShape(reader)) {
    for (AttentionStrides* strides : {&args.qStrides, &args.kStrides, &args.vStrides, &args.oStrides}) {
      *strides = readStrides(reader);
    }
    readBand(reader, args);
    checkSizes(reader, args);
    q = reader.operand(0, "q");
    k = reader.operand(1, "k");
    v = reader.operand(2, "v");
    o = reader.operand(3, "o");
    lse = reader.operand(4, "lse");
    keyLength = reader.optional(5, "keyLength");
    queryOffset = reader.optional(6, "queryOffset");
    checkTensor(reader, q, "q", Access::read, args, args.queries, args.qStrides);
    checkTensor(reader, k, "k", Access::read, args, args.keys, args.kStrides);
    checkTensor(reader, v, "v", Access::read, args, args.keys, args.vStrides);
    checkTensor(reader, o, "o", Access::write, args, args.queries, args.oStrides);
    checkVectors(reader, args, lse, Access::write, keyLength, queryOffset);
  }

  size_t scratchBytes() const override { return isEmpty() ? 0 : kernels().attentionForwardScratchBytes(args); }

  void run(Execution& execution) const override {
    if (isEmpty()) return;
    AttentionArgs live = args;
    live.q = execution.at<float>(q);
    live.k = execution.at<float>(k);
    live.v = execution.at<float>(v);
    live.o = execution.at<float>(o);
    live.lse = execution.at<float>(lse);
    live.keyLength = execution.at<int32_t>(keyLength);
    live.queryOffset = execution.at<int32_t>(queryOffset);
    execution.parallel(kernels().attentionForwardTasks(live), 1, [&](long task, void* taskScratch) {
      kernels().attentionForward(live, task, task + 1, taskScratch);
    });
  }

 private:
  bool isEmpty() const { return args.batch == 0 || args.heads == 0 || args.queries == 0; }

  AttentionArgs args;
  Operand q, k, v, o, lse, keyLength, queryOffset;
};

class AttentionBackward : public Instruction {
 public:
  explicit AttentionBackward(InstructionReader& reader) {
    AttentionArgs& f = args.forward;
    f = readShape(reader);
    for (AttentionStrides* strides : {&f.qStrides, &f.kStrides, &f.vStrides, &f.oStrides, &args.dOStrides, &args.dqStrides,
                                      &args.dkStrides, &args.dvStrides}) {
      *strides = readStrides(reader);
    }
    readBand(reader, f);
    checkSizes(reader, f);
    const char* names[] = {"q", "k", "v", "o", "lse", "dO", "dq", "dk", "dv"};
    for (int i = 0; i < 9; i++) tensors[i] = reader.operand(i, names[i]);
    keyLength = reader.optional(9, "keyLength");
    queryOffset = reader.optional(10, "queryOffset");
    checkTensor(reader, tensors[0], "q", Access::read, f, f.queries, f.qStrides);
    checkTensor(reader, tensors[1], "k", Access::read, f, f.keys, f.kStrides);
    checkTensor(reader, tensors[2], "v", Access::read, f, f.keys, f.vStrides);
    checkTensor(reader, tensors[3], "o", Access::read, f, f.queries, f.oStrides);
    checkTensor(reader, tensors[5], "dO", Access::read, f, f.queries, args.dOStrides);
    checkTensor(reader, tensors[6], "dq", Access::write, f, f.queries, args.dqStrides);
    checkTensor(reader, tensors[7], "dk", Access::write, f, f.keys, args.dkStrides);
    checkTensor(reader, tensors[8], "dv", Access::write, f, f.keys, args.dvStrides);
    checkVectors(reader, f, tensors[4], Access::read, keyLength, queryOffset);
  }

  size_t scratchBytes() const override { return isEmpty() ? 0 : kernels().attentionBackwardScratchBytes(args.forward); }

  void run(Execution& execution) const override {
    if (isEmpty()) return;
    AttentionGradientArgs live = args;
    live.forward.q = execution.at<float>(tensors[0]);
    live.forward.k = execution.at<float>(tensors[1]);
    live.forward.v = execution.at<float>(tensors[2]);
    live.forward.o = execution.at<float>(tensors[3]);
    live.forward.lse = execution.at<float>(tensors[4]);
    live.dO = execution.at<float>(tensors[5]);
    live.dq = execution.at<float>(tensors[6]);
    live.dk = execution.at<float>(tensors[7]);
    live.dv = execution.at<float>(tensors[8]);
    live.forward.keyLength = execution.at<int32_t>(keyLength);
    live.forward.queryOffset = execution.at<int32_t>(queryOffset);
    execution.parallel(kernels().attentionBackwardTasks(live.forward), 1, [&](long task, void* taskScratch) {
      kernels().attentionBackward(live, task, task + 1, taskScratch);
    });
  }

 private:
  bool isEmpty() const { return args.forward.batch == 0 || args.forward.heads == 0; }

  AttentionGradientArgs args{};
  Operand tensors[9];  // q, k, v, o, lse, dO, dq, dk, dv
  Operand keyLength, queryOffset;
};

}  // namespace

std::unique_ptr<Instruction> decodeAttentionForward(InstructionReader& reader) {
  return std::make_unique<AttentionForward>(reader);
}
std::unique_ptr<Instruction> decodeAttentionBackward(InstructionReader& reader) {
  return std::make_unique<AttentionBackward>(reader);
}

}  // namespace nonet
