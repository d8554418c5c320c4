// One decoder per kernel: reads the parameters, checks every operand, returns the instruction.
#pragma once

#include <memory>

#include "program.h"
#include "reader.h"

namespace nonet {

// By kernel number; an unknown one fails.
std::unique_ptr<Instruction> decodeInstruction(InstructionReader& reader);

std::unique_ptr<Instruction> decodeGemm(InstructionReader& reader);
std::unique_ptr<Instruction> decodePackWeights(InstructionReader& reader);
std::unique_ptr<Instruction> decodeRowProgram(InstructionReader& reader);
std::unique_ptr<Instruction> decodeAttentionForward(InstructionReader& reader);
std::unique_ptr<Instruction> decodeAttentionBackward(InstructionReader& reader);
std::unique_ptr<Instruction> decodeGatherRows(InstructionReader& reader);
std::unique_ptr<Instruction> decodeScatterAddRows(InstructionReader& reader);
std::unique_ptr<Instruction> decodeTakeAlong(InstructionReader& reader);
std::unique_ptr<Instruction> decodePutAlong(InstructionReader& reader);
std::unique_ptr<Instruction> decodeCopy(InstructionReader& reader);
std::unique_ptr<Instruction> decodeFill(InstructionReader& reader);
std::unique_ptr<Instruction> decodeUpdateRows(InstructionReader& reader);
std::unique_ptr<Instruction> decodeSample(InstructionReader& reader);
std::unique_ptr<Instruction> decodeSkipIf(InstructionReader& reader);
std::unique_ptr<Instruction> decodeGuard(InstructionReader& reader);
std::unique_ptr<Instruction> decodeCheckFinite(InstructionReader& reader);
std::unique_ptr<Instruction> decodePoison(InstructionReader& reader);
std::unique_ptr<Instruction> decodeRotary(InstructionReader& reader);
std::unique_ptr<Instruction> decodeGemmBf16(InstructionReader& reader);
std::unique_ptr<Instruction> decodeDecodeRunLength(InstructionReader& reader);
std::unique_ptr<Instruction> decodeSortByGroup(InstructionReader& reader);
std::unique_ptr<Instruction> decodeGroupedGemm(InstructionReader& reader);
std::unique_ptr<Instruction> decodeGroupedOuter(InstructionReader& reader);
std::unique_ptr<Instruction> decodeConvolution(InstructionReader& reader);
std::unique_ptr<Instruction> decodeConvolutionGradient(InstructionReader& reader);
std::unique_ptr<Instruction> decodeOrthonormal(InstructionReader& reader);

}  // namespace nonet
