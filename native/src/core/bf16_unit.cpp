#include "bf16_unit.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "error.h"
#include "isa.h"

namespace nonet {
namespace {

#if defined(__x86_64__)
struct CpuidWords {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidWords featuresOf(unsigned subleaf) {
  CpuidWords words;
  __get_cpuid_count(7, subleaf, &words.eax, &words.ebx, &words.ecx, &words.edx);
  return words;
}

// Linux gives a process the state of the tiles (8 KB per thread) only when it asks.
bool tilesPermitted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool hasAmx() {
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
  const unsigned edx = featuresOf(0).edx;
  return (edx & kAmxBf16) != 0 && (edx & kAmxTile) != 0 && tilesPermitted();
}

bool hasAvx512Bf16() {
  constexpr unsigned kAvx512Bf16 = 1u << 5;
  return (featuresOf(1).eax & kAvx512Bf16) != 0;
}
#endif

const Bf16Gemm* chooseUnit() {
  const std::vector<const Bf16Gemm*> units = availableBf16();
  const char* wanted = getenv("NONET_BF16");
  if (wanted == nullptr || *wanted == 0) return units.front();
  std::string names;
  for (const Bf16Gemm* unit : units) {
    if (unit->name == std::string(wanted)) return unit;
    names += (names.empty() ? "" : ", ") + std::string(unit->name);
  }
  throw CodedError("E_CONFIG", "NONET_BF16 is '" + std::string(wanted) + "', which the instruction set " + kernels().isa +
                                   " on this CPU cannot run; use one of " + names + ", or unset it.");
}

}  // namespace

const Bf16Gemm& bf16Gemm() {
  static const Bf16Gemm* const unit = chooseUnit();
  return *unit;
}

std::vector<const Bf16Gemm*> availableBf16() {
  std::vector<const Bf16Gemm*> units;
#if defined(__x86_64__)
  // The bits of cpuid say nothing about the system; that it keeps the wide registers is what having AVX-512 means.
  if (kernels().isa == std::string("avx512")) {
    if (hasAmx()) units.push_back(bf16Unit_amx());
    if (hasAvx512Bf16()) units.push_back(bf16Unit_avx512bf16());
  }
#endif
  units.push_back(kernels().bf16);
  units.push_back(bf16Unit_emulated_amx());
  units.push_back(bf16Unit_emulated_avx512bf16());
  return units;
}

}  // namespace nonet
