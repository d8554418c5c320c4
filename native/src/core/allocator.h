// All native memory comes from here and is counted to the byte.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <memory>

namespace nonet {

// One allocation, aligned to 64 bytes (large ones to 2 MB, in huge pages where the system has them).
class Memory {
 public:
  static std::shared_ptr<Memory> zeroed(size_t bytes);
  // For scratch: contents undefined.
  static std::shared_ptr<Memory> scratch(size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Memory() = default;
  static std::shared_ptr<Memory> create(size_t bytes, bool zero);
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
  size_t mappedBytes_ = 0;  // 0: from the heap
};

struct MemoryCount {
  size_t current, peak;  // bytes asked for
};
MemoryCount memoryCount();
// The peak starts again from what is held now.
void resetMemoryPeak();

}  // namespace nonet
