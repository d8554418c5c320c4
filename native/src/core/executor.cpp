#include "executor.h"

#include <chrono>

#include "error.h"

namespace nonet {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void runRepetition(const Program& program, Execution& execution, std::vector<double>* profile) {
  const int64_t count = (int64_t)program.instructions.size();
  for (int64_t i = 0; i < count && execution.status == RunStatus::done; i = execution.next) {
    const Instruction& instruction = *program.instructions[i];
    execution.current = i;
    execution.next = i + (instruction.wantsNext() ? 2 : 1);
    if (profile == nullptr) {
      instruction.run(execution);
    } else {
      const Clock::time_point start = Clock::now();
      instruction.run(execution);
      (*profile)[i] += secondsSince(start);
    }
  }
}

}  // namespace

void Execution::fail(const std::string& what) const {
  throw CodedError("E_PROGRAM", "Instruction " + std::to_string(current) + ": " + what);
}

void checkRequest(const RunRequest& request) {
  const std::vector<Segment>& segments = request.program->segments;
  if (request.repeat < 0 || request.threads < 1 || request.threads > 256) {
    throw CodedError("E_PROGRAM", "A run takes repeat >= 0 and 1..256 threads, got repeat " + std::to_string(request.repeat) +
                                      " and " + std::to_string(request.threads) + " threads.");
  }
  if (request.buffers.size() != segments.size()) {
    throw CodedError("E_PROGRAM", "The program has " + std::to_string(segments.size()) + " segments, the run brings " +
                                      std::to_string(request.buffers.size()) + " buffers.");
  }
  for (size_t i = 0; i < segments.size(); i++) {
    const __int128 more = request.repeat > 1 ? (__int128)(request.repeat - 1) * segments[i].stride : 0;
    if (request.repeat > 0 && segments[i].bytes + more > (__int128)request.buffers[i]->bytes()) {
      throw CodedError("E_PROGRAM", "Segment " + std::to_string(i) + " takes " + std::to_string((int64_t)(segments[i].bytes + more)) +
                                        " bytes for " + std::to_string(request.repeat) + " repetitions, its buffer has " +
                                        std::to_string(request.buffers[i]->bytes()) + ".");
    }
  }
}

RunResult runProgram(const RunRequest& request) {
  checkRequest(request);
  const Program& program = *request.program;
  const std::shared_ptr<Memory> scratch = Memory::scratch(program.scratchBytes * (size_t)request.threads);
  const FlushDenormals flush;
  Execution execution;
  execution.bases.resize(request.buffers.size());
  execution.scratch = scratch->data();
  execution.scratchBytes = program.scratchBytes;
  execution.threads = request.threads;

  RunResult result;
  if (request.profile) result.profile.assign(program.instructions.size(), 0.0);
  const Clock::time_point start = Clock::now();
  for (; result.iteration < request.repeat; result.iteration++) {
    for (size_t i = 0; i < request.buffers.size(); i++) {
      execution.bases[i] = request.buffers[i]->data() + result.iteration * program.segments[i].stride;
    }
    runRepetition(program, execution, request.profile ? &result.profile : nullptr);
    if (execution.status != RunStatus::done) break;
  }
  result.status = execution.status;
  result.id = execution.id;
  result.seconds = secondsSince(start);
  return result;
}

}  // namespace nonet
