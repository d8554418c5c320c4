#include "instructions.h"

namespace nonet {
namespace {

using Decoder = std::unique_ptr<Instruction> (*)(InstructionReader&);

// In the order of the kernel numbers, which start at 1.
constexpr Decoder kDecoders[] = {
    decodeGemm,          decodePackWeights,    decodeRowProgram, decodeAttentionForward, decodeAttentionBackward,
    decodeGatherRows,    decodeScatterAddRows, decodeTakeAlong,  decodePutAlong,         decodeCopy,
    decodeFill,          decodeUpdateRows,     decodeSample,     decodeSkipIf,           decodeGuard,
    decodeCheckFinite,   decodePoison,         decodeRotary,     decodeGemmBf16,         decodeDecodeRunLength,
    decodeSortByGroup,   decodeGroupedGemm,    decodeGroupedOuter, decodeConvolution,    decodeConvolutionGradient,
    decodeOrthonormal,
};
constexpr int64_t kDecoderCount = sizeof kDecoders / sizeof kDecoders[0];

}  // namespace

std::unique_ptr<Instruction> decodeInstruction(InstructionReader& reader) {
  if (reader.kernel() < 1 || reader.kernel() > kDecoderCount) reader.fail("no such kernel");
  std::unique_ptr<Instruction> instruction = kDecoders[reader.kernel() - 1](reader);
  reader.endOfParams();
  return instruction;
}

}  // namespace nonet
