// Work that runs beside JavaScript and settles a promise.
#pragma once

#include <napi.h>

#include <functional>
#include <mutex>
#include <string>

#include "error.h"

namespace nonet {

// One run at a time in the process: the pool and the caches belong to it.
inline std::mutex& runMutex() {
  static std::mutex* const mutex = new std::mutex();
  return *mutex;
}

inline Napi::Error errorWithCode(Napi::Env env, const std::string& message, const std::string& code) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

// Computes a T off the main thread, then makes a JavaScript value of it.
template <class T> class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Compute = std::function<T()>;
  using Convert = std::function<Napi::Value(Napi::Env, const T&)>;

  static Napi::Promise start(Napi::Env env, Compute compute, Convert convert) {
    auto* worker = new PromiseWorker(env, std::move(compute), std::move(convert));  // deletes itself when done
    const Napi::Promise promise = worker->deferred.Promise();
    worker->Queue();
    return promise;
  }

 protected:
  void Execute() override {
    const std::lock_guard<std::mutex> lock(runMutex());
    try {
      result = compute();
    } catch (const CodedError& error) {
      code = error.code;
      SetError(error.what());
    } catch (const std::exception& error) {
      code = "E_MEMORY";
      SetError(error.what());
    }
    compute = nullptr;  // lets go of the buffers
  }
  void OnOK() override {
    settle([this] { deferred.Resolve(convert(Env(), result)); });
  }
  void OnError(const Napi::Error& error) override {
    settle([&] { deferred.Reject(errorWithCode(Env(), error.Message(), code).Value()); });
  }

 private:
  // An environment that is ending runs no JavaScript: nobody is left to hear of the result.
  template <class F> void settle(F&& f) {
    try {
      f();
    } catch (const Napi::Error&) {
    }
  }

  PromiseWorker(Napi::Env env, Compute c, Convert v)
      : Napi::AsyncWorker(env), compute(std::move(c)), convert(std::move(v)), deferred(Napi::Promise::Deferred::New(env)) {}

  Compute compute;
  Convert convert;
  T result{};
  std::string code;
  Napi::Promise::Deferred deferred;
};

}  // namespace nonet
