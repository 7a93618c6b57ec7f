// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/stack_bounds.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

namespace {

constexpr uintptr_t kAssumedArgumentBytes =
    256 * 1024;  // of the main thread's stack, above its frames

}  // namespace

// The main thread's stack ends where its limit says; another's bounds are in its attributes.
uintptr_t lowest_of_stack() {
  if (raw_syscall(SYS_gettid) == raw_syscall(SYS_getpid)) {
    struct rlimit limit = {};
    const auto* top = static_cast<void* const*>(find_symbol("__libc_stack_end"));
    if (top == nullptr ||
        raw_syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, reinterpret_cast<long>(&limit)) < 0 ||
        limit.rlim_cur == RLIM_INFINITY) {
      return 0;
    }
    return reinterpret_cast<uintptr_t>(*top) - limit.rlim_cur + kAssumedArgumentBytes;
  }
  using Self = pthread_t (*)();
  using GetAttributes = int (*)(pthread_t, pthread_attr_t*);
  using GetStack = int (*)(const pthread_attr_t*, void**, size_t*);
  using Destroy = int (*)(pthread_attr_t*);
  const auto self = reinterpret_cast<Self>(find_symbol("pthread_self"));
  const auto get = reinterpret_cast<GetAttributes>(find_symbol("pthread_getattr_np"));
  const auto stack = reinterpret_cast<GetStack>(find_symbol("pthread_attr_getstack"));
  const auto destroy = reinterpret_cast<Destroy>(find_symbol("pthread_attr_destroy"));
  pthread_attr_t attributes;
  if (self == nullptr || get == nullptr || stack == nullptr || destroy == nullptr ||
      get(self(), &attributes) != 0) {
    return 0;
  }
  void* low = nullptr;
  size_t bytes = 0;
  const bool known = stack(&attributes, &low, &bytes) == 0;
  (void)destroy(&attributes);
  return known ? reinterpret_cast<uintptr_t>(low) : 0;
}

}  // namespace vtn::runtime
