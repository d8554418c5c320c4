#include "isa.h"

#include <stdlib.h>

#include <fstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "error.h"

namespace nonet {
namespace {

std::vector<const KernelTable*> availableTables() {
  std::vector<const KernelTable*> tables;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    tables.push_back(kernelTable_avx512());
  }
  if (avx2) tables.push_back(kernelTable_avx2());
#elif defined(__aarch64__)
  tables.push_back(kernelTable_neon());  // every 64-bit ARM processor has it
#endif
  tables.push_back(kernelTable_baseline());
  return tables;
}

const KernelTable* chooseTable() {
  const std::vector<const KernelTable*> tables = availableTables();
  const char* wanted = getenv("NONET_ISA");
  if (wanted == nullptr || *wanted == 0) return tables.front();
  std::string names;
  for (const KernelTable* table : tables) {
    if (table->isa == std::string(wanted)) return table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  throw CodedError("E_CONFIG", "NONET_ISA is '" + std::string(wanted) + "', which this CPU cannot run; use one of " + names +
                                   ", or unset it.");
}

}  // namespace

const KernelTable& kernels() {
  static const KernelTable* const table = chooseTable();
  return *table;
}

std::vector<std::string> availableIsas() {
  std::vector<std::string> names;
  for (const KernelTable* table : availableTables()) names.push_back(table->isa);
  return names;
}

std::string cpuName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos && colon + 2 <= line.size()) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

int availableThreads() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const int count = (int)std::thread::hardware_concurrency();
  return count > 0 ? count : 1;
}

}  // namespace nonet
