// SPDX-License-Identifier: Apache-2.0
//
// System calls that touch neither errno nor the C library, for code that lives in other people's
// processes. Each returns what the kernel returns: a result, or a negated errno. x86-64 Linux.
#pragma once

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>

namespace vtn {

#if !defined(__x86_64__)
#error "only x86-64 Linux is supported"
#endif

inline long raw_syscall(
    long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

// Waits while *word == expected, at most timeout_ns. The word is shared between processes.
inline long futex_wait(const uint32_t* word, uint32_t expected, uint64_t timeout_ns) {
  const struct {
    long seconds;
    long nanoseconds;
  } timeout = {static_cast<long>(timeout_ns / 1'000'000'000),
               static_cast<long>(timeout_ns % 1'000'000'000)};
  return raw_syscall(SYS_futex,
                     reinterpret_cast<long>(word),
                     FUTEX_WAIT,
                     static_cast<long>(expected),
                     reinterpret_cast<long>(&timeout));
}

inline long futex_wake(const uint32_t* word, int how_many) {
  return raw_syscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAKE, how_many);
}

}  // namespace vtn
