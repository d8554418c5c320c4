// Files mapped into memory.
#pragma once

#include <stddef.h>

#include <string>

namespace nonet {

struct FileMapping {
  void* data;  // nullptr for an empty file
  size_t bytes;
};

// Pages are private: writing to them changes neither the file nor what others see. Throws E_FILE.
FileMapping mapFile(const std::string& path);
void unmapFile(const FileMapping& mapping);

}  // namespace nonet
