#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

namespace nonet {
namespace {

[[noreturn]] void failFile(const std::string& path, const char* what) {
  throw CodedError("E_FILE", "Cannot map '" + path + "': " + what + ".");
}

}  // namespace

FileMapping mapFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) failFile(path, strerror(errno));
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(file);
    failFile(path, "it is not a regular file");
  }
  FileMapping mapping{nullptr, (size_t)info.st_size};
  if (mapping.bytes > 0) {
    mapping.data = mmap(nullptr, mapping.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    const int error = errno;
    close(file);
    if (mapping.data == MAP_FAILED) failFile(path, strerror(error));
  } else {
    close(file);
  }
  return mapping;
}

void unmapFile(const FileMapping& mapping) {
  if (mapping.data != nullptr) munmap(mapping.data, mapping.bytes);
}

}  // namespace nonet
