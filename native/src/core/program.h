// A program: what the compiler hands over as words, decoded, checked and ready to run. The format is documented in
// docs/engine.md. Everything is checked when it is loaded, so that running it needs no checks but of indices.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

namespace nonet {

class Execution;

enum class SegmentKind : int64_t { arena = 0, state = 1, input = 2, output = 3, constant = 4 };

struct Segment {
  SegmentKind kind;
  int64_t bytes;
  int64_t stride;  // bytes from one repetition's part to the next
};

struct Operand {
  int segment = -1;  // -1: absent
  int64_t offset = 0;
  bool present() const { return segment >= 0; }
};

// One instruction, ready to run.
class Instruction {
 public:
  virtual ~Instruction() = default;
  // Per thread.
  virtual size_t scratchBytes() const { return 0; }
  virtual void run(Execution& execution) const = 0;
  // Takes the following instruction into this one. Returns what is wrong, or nothing.
  virtual bool wantsNext() const { return false; }
  virtual std::string attach(const Instruction*) { return {}; }
  // Index of the instruction that a jump goes to, or -1.
  virtual int64_t jumpTarget() const { return -1; }
};

class Program {
 public:
  // Throws CodedError E_PROGRAM that names the instruction.
  static std::shared_ptr<const Program> decode(const uint8_t* bytes, size_t count);

  std::vector<Segment> segments;
  std::vector<std::unique_ptr<Instruction>> instructions;
  size_t scratchBytes = 0;  // per thread, a multiple of 64
};

}  // namespace nonet
