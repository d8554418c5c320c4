// C++ objects that JavaScript holds: plain objects that carry a pointer and a type tag, so that a wrong argument is an
// error and never another type's memory.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "allocator.h"
#include "error.h"
#include "program.h"

namespace nonet {

struct BufferHandle {
  static constexpr napi_type_tag tag = {0x6e6f6e6574627566, 0x31c8a5e0d2974b16};
  static constexpr const char* name = "memory handle";
  std::shared_ptr<Memory> memory;  // null once freed
};

struct ProgramHandle {
  static constexpr napi_type_tag tag = {0x6e6f6e6574707267, 0x9f04b7316ce85da2};
  static constexpr const char* name = "program";
  std::shared_ptr<const Program> program;
};

// What else must happen when JavaScript drops a handle.
inline void release(napi_env env, BufferHandle& handle) {
  if (!handle.memory) return;
  int64_t total;
  napi_adjust_external_memory(env, -(int64_t)handle.memory->bytes(), &total);
  handle.memory.reset();
}
inline void release(napi_env, ProgramHandle&) {}

template <class T> Napi::Object makeHandle(Napi::Env env, T content) {
  Napi::Object object = Napi::Object::New(env);
  auto owned = std::make_unique<T>(std::move(content));
  const auto finalize = [](napi_env e, void* data, void*) {
    const std::unique_ptr<T> dropped((T*)data);
    release(e, *dropped);
  };
  if (napi_wrap(env, object, owned.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  owned.release();
  if (napi_type_tag_object(env, object, &T::tag) != napi_ok) throw Napi::Error::New(env);
  return object;
}

template <class T> T& handleOf(const Napi::Value& value, const char* argument) {
  bool matches = false;
  void* data = nullptr;
  if (value.IsObject() && napi_check_object_type_tag(value.Env(), value, &T::tag, &matches) == napi_ok && matches &&
      napi_unwrap(value.Env(), value, &data) == napi_ok) {
    return *(T*)data;
  }
  throw CodedError("E_PROGRAM", std::string("Argument ") + argument + " is not a " + T::name + ".");
}

inline std::shared_ptr<Memory> memoryOf(const Napi::Value& value, const char* argument) {
  const BufferHandle& handle = handleOf<BufferHandle>(value, argument);
  if (!handle.memory) throw CodedError("E_PROGRAM", std::string("The memory of argument ") + argument + " was freed.");
  return handle.memory;
}

}  // namespace nonet
