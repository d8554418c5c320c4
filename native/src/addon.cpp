// The interface to JavaScript; src/compile/native/addon.ts documents it.
#include <napi.h>

#include <string.h>

#include <atomic>

#include "core/bf16_unit.h"
#include "core/executor.h"
#include "core/handles.h"
#include "core/mapping.h"
#include "core/probe.h"
#include "core/row_instruction.h"
#include "core/workers.h"

namespace nonet {
namespace {

using Info = Napi::CallbackInfo;

// Turns the core's errors into JavaScript's, with their code.
template <Napi::Value (*function)(const Info&)> Napi::Value guarded(const Info& info) {
  try {
    return function(info);
  } catch (const CodedError& error) {
    throw errorWithCode(info.Env(), error.what(), error.code);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw errorWithCode(info.Env(), error.what(), "E_MEMORY");
  }
}

// A whole number in 0..2^53-1.
int64_t sizeArgument(const Info& info, size_t position, const char* name) {
  const double value = info[position].IsNumber() ? info[position].As<Napi::Number>().DoubleValue() : -1;
  if (!(value >= 0 && value <= 9007199254740991.0) || value != (double)(int64_t)value) {
    throw CodedError("E_PROGRAM", std::string("Argument ") + name + " is not a whole number from 0 to 2^53 - 1.");
  }
  return (int64_t)value;
}

struct Bytes {
  uint8_t* data;
  size_t count;
};

Bytes bytesArgument(const Info& info, size_t position, const char* name) {
  napi_typedarray_type type;
  size_t length = 0, offset = 0;
  void* data = nullptr;
  napi_value buffer;
  if (!info[position].IsTypedArray() ||
      napi_get_typedarray_info(info.Env(), info[position], &type, &length, &data, &buffer, &offset) != napi_ok) {
    throw CodedError("E_PROGRAM", std::string("Argument ") + name + " is not a typed array.");
  }
  return {(uint8_t*)data, info[position].As<Napi::TypedArray>().ByteLength()};
}

// Where `count` bytes from `offset` on lie in a memory.
uint8_t* rangeIn(const Memory& memory, int64_t offset, size_t count) {
  if ((uint64_t)offset > memory.bytes() || count > memory.bytes() - (size_t)offset) {
    throw CodedError("E_PROGRAM", "Bytes " + std::to_string(offset) + ".." + std::to_string((uint64_t)offset + count) +
                                      " lie outside of a memory of " + std::to_string(memory.bytes()) + " bytes.");
  }
  return memory.data() + offset;
}

Napi::Value allocate(const Info& info) {
  const int64_t bytes = sizeArgument(info, 0, "bytes");
  BufferHandle handle{Memory::zeroed((size_t)bytes)};
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes);
  return makeHandle(info.Env(), std::move(handle));
}

Napi::Value freeMemory(const Info& info) {
  release(info.Env(), handleOf<BufferHandle>(info[0], "handle"));
  return info.Env().Undefined();
}

Napi::Value write(const Info& info) {
  const std::shared_ptr<Memory> memory = memoryOf(info[0], "handle");
  const Bytes source = bytesArgument(info, 2, "data");
  uint8_t* to = rangeIn(*memory, sizeArgument(info, 1, "byteOffset"), source.count);
  if (source.count > 0) memcpy(to, source.data, source.count);
  return info.Env().Undefined();
}

Napi::Value read(const Info& info) {
  const std::shared_ptr<Memory> memory = memoryOf(info[0], "handle");
  const Bytes target = bytesArgument(info, 2, "data");
  const uint8_t* from = rangeIn(*memory, sizeArgument(info, 1, "byteOffset"), target.count);
  if (target.count > 0) memcpy(target.data, from, target.count);
  return info.Env().Undefined();
}

Napi::Value copy(const Info& info) {
  const std::shared_ptr<Memory> to = memoryOf(info[0], "destination"), from = memoryOf(info[2], "source");
  const int64_t bytes = sizeArgument(info, 4, "bytes");
  uint8_t* target = rangeIn(*to, sizeArgument(info, 1, "destinationOffset"), (size_t)bytes);
  const uint8_t* source = rangeIn(*from, sizeArgument(info, 3, "sourceOffset"), (size_t)bytes);
  if (bytes > 0) memmove(target, source, (size_t)bytes);
  return info.Env().Undefined();
}

Napi::Value load(const Info& info) {
  const Bytes bytes = bytesArgument(info, 0, "bytes");
  return makeHandle(info.Env(), ProgramHandle{Program::decode(bytes.data, bytes.count)});
}

Napi::Value programInfo(const Info& info) {
  const ProgramHandle& handle = handleOf<ProgramHandle>(info[0], "program");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("scratchBytes", (double)handle.program->scratchBytes);
  return result;
}

Napi::Value runResult(Napi::Env env, const RunResult& result) {
  const char* names[] = {"done", "guard", "notFinite"};
  Napi::Object object = Napi::Object::New(env);
  object.Set("status", names[(int)result.status]);
  object.Set("id", (double)result.id);
  object.Set("iteration", (double)result.iteration);
  object.Set("seconds", result.seconds);
  if (!result.profile.empty()) {
    Napi::Float64Array profile = Napi::Float64Array::New(env, result.profile.size());
    memcpy(profile.Data(), result.profile.data(), result.profile.size() * sizeof(double));
    object.Set("profile", profile);
  }
  return object;
}

Napi::Value run(const Info& info) {
  RunRequest request;
  request.program = handleOf<ProgramHandle>(info[0], "program").program;
  if (!info[1].IsArray()) throw CodedError("E_PROGRAM", "Argument buffers is not an array.");
  const Napi::Array buffers = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < buffers.Length(); i++) request.buffers.push_back(memoryOf(buffers.Get(i), "buffers"));
  request.repeat = sizeArgument(info, 2, "repeat");
  request.threads = (int)std::min<int64_t>(sizeArgument(info, 3, "threads"), 1 << 20);
  request.profile = info[4].ToBoolean();
  checkRequest(request);
  return PromiseWorker<RunResult>::start(info.Env(), [request = std::move(request)] { return runProgram(request); }, runResult);
}

Napi::Value memory(const Info& info) {
  const MemoryCount count = memoryCount();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("current", (double)count.current);
  result.Set("peak", (double)count.peak);
  return result;
}

Napi::Value resetPeak(const Info& info) {
  resetMemoryPeak();
  return info.Env().Undefined();
}

Napi::Array arrayOf(Napi::Env env, const std::vector<std::string>& names) {
  Napi::Array array = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < names.size(); i++) array.Set(i, names[i]);
  return array;
}

Napi::Value describe(const Info& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("isa", kernels().isa);
  result.Set("available", arrayOf(info.Env(), availableIsas()));
  result.Set("bf16", bf16Gemm().name);
  std::vector<std::string> units;
  for (const Bf16Gemm* unit : availableBf16()) units.push_back(unit->name);
  result.Set("availableBf16", arrayOf(info.Env(), units));
  result.Set("cpu", cpuName());
  result.Set("threads", (double)availableThreads());
  return result;
}

Napi::Value runProbe(const Info& info) {
  const std::string name = info[0].ToString();
  const ProbeKind kind = name == "fma" ? ProbeKind::fma : name == "copy" ? ProbeKind::copy : ProbeKind::read;
  if (kind == ProbeKind::read && name != "read") throw CodedError("E_PROGRAM", "A probe is 'fma', 'copy' or 'read', not '" + name + "'.");
  const double seconds = info[1].ToNumber();
  const int64_t threads = sizeArgument(info, 2, "threads"), bytes = info[3].IsUndefined() ? 0 : sizeArgument(info, 3, "bytes");
  if (threads < 1 || threads > 256 || !(seconds >= 0 && seconds <= 60)) {
    throw CodedError("E_PROGRAM", "A probe takes 0..60 seconds and 1..256 threads.");
  }
  return PromiseWorker<double>::start(
      info.Env(), [=] { return probe(kind, seconds, (int)threads, (size_t)bytes); },
      [](Napi::Env env, const double& rate) -> Napi::Value { return Napi::Number::New(env, rate); });
}

Napi::Value mapFileAt(const Info& info) {
  const FileMapping mapping = mapFile(info[0].ToString());
  if (mapping.data == nullptr) return Napi::ArrayBuffer::New(info.Env(), 0);
  const size_t bytes = mapping.bytes;
  return Napi::ArrayBuffer::New(info.Env(), mapping.data, bytes, [bytes](Napi::Env, void* data) { unmapFile({data, bytes}); });
}

Napi::Value countSumTasks(const Info& info) {
  return Napi::Number::New(info.Env(), (double)sumTasks(sizeArgument(info, 0, "rows"), sizeArgument(info, 1, "cols")));
}

Napi::Value packedBytes(const Info& info) {
  return Napi::Number::New(info.Env(), (double)kernels().gemmPackedBytes(sizeArgument(info, 0, "k"), sizeArgument(info, 1, "n")));
}

std::atomic<int> environments{0};

// The last environment to go ends the pool's threads, behind whatever still runs.
void leave(void*) {
  if (environments.fetch_sub(1) != 1) return;
  const std::lock_guard<std::mutex> lock(runMutex());
  joinPool();
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  environments.fetch_add(1);
  napi_add_env_cleanup_hook(env, leave, nullptr);
  const auto add = [&](const char* name, Napi::Value (*function)(const Info&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("allocate", guarded<allocate>);
  add("free", guarded<freeMemory>);
  add("write", guarded<write>);
  add("read", guarded<read>);
  add("copy", guarded<copy>);
  add("load", guarded<load>);
  add("programInfo", guarded<programInfo>);
  add("run", guarded<run>);
  add("memory", guarded<memory>);
  add("resetPeak", guarded<resetPeak>);
  add("describe", guarded<describe>);
  add("probe", guarded<runProbe>);
  add("mapFile", guarded<mapFileAt>);
  add("sumTasks", guarded<countSumTasks>);
  add("packedBytes", guarded<packedBytes>);
  return exports;
}

}  // namespace
}  // namespace nonet

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return nonet::start(env, exports); }
NODE_API_MODULE(nonet, initialize)
