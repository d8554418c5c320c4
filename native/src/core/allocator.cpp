#include "allocator.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <string>

#include "error.h"

namespace nonet {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t(2) << 20;

// AddressSanitizer watches what comes from the heap, up to the last byte that was asked for.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kWatched = true;
#else
constexpr bool kWatched = false;
#endif

std::atomic<size_t> current{0}, peak{0};

void countTaken(size_t bytes) {
  const size_t now = current.fetch_add(bytes) + bytes;
  size_t seen = peak.load();
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
}

[[noreturn]] void failAllocation(size_t bytes) {
  throw CodedError("E_MEMORY", "The system refused " + std::to_string(bytes) +
                                   " bytes of memory; use a smaller model, batch or context.");
}

// Maps whole pages at a 2 MB boundary by mapping too much and giving the rest back.
uint8_t* mapAligned(size_t length) {
  void* raw = mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const uintptr_t start = (uintptr_t)raw, aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start) munmap(raw, aligned - start);
  const uintptr_t end = start + length + kHugePage;
  if (end > aligned + length) munmap((void*)(aligned + length), end - aligned - length);
#if defined(MADV_HUGEPAGE)
  madvise((void*)aligned, length, MADV_HUGEPAGE);
#endif
  return (uint8_t*)aligned;
}

}  // namespace

std::shared_ptr<Memory> Memory::create(size_t bytes, bool zero) {
  if (bytes > (size_t(1) << 47)) failAllocation(bytes);
  std::shared_ptr<Memory> memory(new Memory());
  if (zero && bytes >= kHugePage && !kWatched) {
    memory->mappedBytes_ = (bytes + 4095) / 4096 * 4096;
    memory->data_ = mapAligned(memory->mappedBytes_);  // pages come zeroed
  } else {
    // The heap keeps freed scratch at hand, so that a short run does not pay for fresh pages.
    const size_t rounded = kWatched ? bytes : bytes == 0 ? kAlignment : (bytes + kAlignment - 1) / kAlignment * kAlignment;
    void* p = nullptr;
    if (posix_memalign(&p, kAlignment, rounded) != 0) p = nullptr;
    memory->data_ = (uint8_t*)p;
    if (p != nullptr && zero) memset(p, 0, rounded);
  }
  if (memory->data_ == nullptr) failAllocation(bytes);
  memory->bytes_ = bytes;
  countTaken(bytes);
  return memory;
}

std::shared_ptr<Memory> Memory::zeroed(size_t bytes) { return create(bytes, true); }
std::shared_ptr<Memory> Memory::scratch(size_t bytes) { return create(bytes, false); }

Memory::~Memory() {
  if (data_ == nullptr) return;
  if (mappedBytes_ != 0) munmap(data_, mappedBytes_);
  else free(data_);
  current.fetch_sub(bytes_);
}

MemoryCount memoryCount() { return {current.load(), peak.load()}; }
void resetMemoryPeak() { peak.store(current.load()); }

}  // namespace nonet
