// SPDX-License-Identifier: Apache-2.0
//
// The code that a process is given to load a library, and the data beside it: two pages of memory,
// mapped to be executed and written to by force, as some processes are not allowed any that may be
// both. It calls dlopen(3), keeps the thread's errno, says how it went, and unmaps itself: where it
// is gone, the library was loaded. It stays where a reason is to be read, and where it was cut off
// before it began.
#pragma once

#include <string>
#include <string_view>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "attach/loading_offsets.h"

namespace vtn::attach {

inline constexpr uint64_t kLoadingPageBytes = 4096;
inline constexpr uint64_t kLoadingBytes = 2 * kLoadingPageBytes;

struct LoadingData {
  uint32_t state;
  uint32_t queued;
  uint32_t is_held;  // somebody waits to take the thread back; after that it finds back by itself
  uint32_t unused;
  uint64_t errno_location;
  uint64_t dlopen;
  uint64_t dlerror;
  uint64_t add_pending_call;
  uint64_t syscall;  // ReturnCode::syscall
  uint64_t no_signals;
  struct timespec wait;  // for that
  uint64_t cookie;       // other memory may come to lie here
  char path[VTN_LOADING_PATH_BYTES];
  char error[VTN_LOADING_ERROR_BYTES];
};
static_assert(offsetof(LoadingData, state) == VTN_LOADING_STATE);
static_assert(offsetof(LoadingData, queued) == VTN_LOADING_QUEUED);
static_assert(offsetof(LoadingData, is_held) == VTN_LOADING_IS_HELD);
static_assert(offsetof(LoadingData, errno_location) == VTN_LOADING_ERRNO_LOCATION);
static_assert(offsetof(LoadingData, dlopen) == VTN_LOADING_DLOPEN);
static_assert(offsetof(LoadingData, dlerror) == VTN_LOADING_DLERROR);
static_assert(offsetof(LoadingData, add_pending_call) == VTN_LOADING_ADD_PENDING_CALL);
static_assert(offsetof(LoadingData, syscall) == VTN_LOADING_SYSCALL);
static_assert(offsetof(LoadingData, no_signals) == VTN_LOADING_NO_SIGNALS);
static_assert(offsetof(LoadingData, wait) == VTN_LOADING_WAIT);
static_assert(offsetof(LoadingData, cookie) == VTN_LOADING_COOKIE);
static_assert(offsetof(LoadingData, path) == VTN_LOADING_PATH);
static_assert(offsetof(LoadingData, error) == VTN_LOADING_ERROR);
static_assert(sizeof(LoadingData) <= kLoadingPageBytes);

// NOLINTBEGIN(readability-identifier-naming): of the assembler
extern "C" const char vtn_loading_code[];
extern "C" const char vtn_loading_code_queue[];
extern "C" const char vtn_loading_code_end[];
// NOLINTEND(readability-identifier-naming)

// The first page, from its beginning: where its functions are, both of the second page's address.
inline std::string_view loading_code() {
  return {vtn_loading_code, static_cast<size_t>(vtn_loading_code_end - vtn_loading_code)};
}
inline constexpr uint64_t kLoad = 0;
inline uint64_t loading_queue() {
  return static_cast<uint64_t>(vtn_loading_code_queue - vtn_loading_code);
}

}  // namespace vtn::attach
