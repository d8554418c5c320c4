// An error that reaches JavaScript with a stable code.
#pragma once

#include <stdexcept>
#include <string>

namespace nonet {

class CodedError : public std::runtime_error {
 public:
  CodedError(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* const code;
};

}  // namespace nonet
