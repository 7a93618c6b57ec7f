// SPDX-License-Identifier: Apache-2.0
//
// A lock for slow paths inside traced processes: one word, no library. It may lie in memory that
// fork wipes, and is then free in the child whoever held it. Not recursive.
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"

namespace vtn {

class [[nodiscard]] WordLock {
 public:
  explicit WordLock(uint32_t* word) : word_(word) {
    while (__atomic_exchange_n(word_, 1u, __ATOMIC_ACQUIRE) != 0) {
      raw_syscall(SYS_sched_yield);
    }
  }
  ~WordLock() { __atomic_store_n(word_, 0u, __ATOMIC_RELEASE); }
  WordLock(const WordLock&) = delete;
  WordLock& operator=(const WordLock&) = delete;

 private:
  uint32_t* word_;
};

}  // namespace vtn
