/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shim has instead of a C library: system calls that return what the kernel returns (a
 * result or a negated errno, the variable untouched), and a few words about text. Everything here
 * is signal-safe and child-safe, in a vfork child as well.
 */
#pragma once

#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <asm/errno.h>

#define VTN_PATH_BYTES 1024

/* Of <dlfcn.h>, which is another with each C library: what is the same in all of them. */
#define VTN_RTLD_NOW 2
#define VTN_RTLD_NOLOAD 4
typedef struct {
  const char* file_name;
  void* file_base;
  const char* symbol_name;
  void* symbol_address;
} vtn_dl_info;

static inline long vtn_call6(long number, long a, long b, long c, long d, long e, long f) {
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

static inline long vtn_call4(long number, long a, long b, long c, long d) {
  return vtn_call6(number, a, b, c, d, 0, 0);
}

static inline long vtn_call3(long number, long a, long b, long c) {
  return vtn_call6(number, a, b, c, 0, 0, 0);
}

static inline uint32_t vtn_pid(void) { return (uint32_t)vtn_call3(SYS_getpid, 0, 0, 0); }

static inline uint32_t vtn_tid(void) { return (uint32_t)vtn_call3(SYS_gettid, 0, 0, 0); }

static inline long vtn_open(int folder, const char* path, int flags) {
  return vtn_call4(SYS_openat, folder, (long)path, flags | O_CLOEXEC, 0);
}

static inline void vtn_close(long fd) { (void)vtn_call3(SYS_close, fd, 0, 0); }

/* Private memory, or NULL. */
static inline void* vtn_map_pages(size_t bytes) {
  const long at = vtn_call6(
      SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at < 0 && at > -4096 ? NULL : (void*)at;
}

static inline void vtn_unmap(void* at, size_t bytes) {
  (void)vtn_call3(SYS_munmap, (long)at, (long)bytes, 0);
}

static inline size_t vtn_length(const char* text) {
  size_t n = 0;
  while (text[n] != 0) {
    ++n;
  }
  return n;
}

static inline int vtn_starts_with(const char* text, const char* prefix) {
  while (*prefix != 0) {
    if (*text++ != *prefix++) {
      return 0;
    }
  }
  return 1;
}

static inline int vtn_equal(const char* a, const char* b) {
  while (*a != 0 && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}

static inline void vtn_copy(void* to, const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    ((char*)to)[i] = ((const char*)from)[i];
  }
}

static inline void vtn_zero(void* at, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    ((char*)at)[i] = 0;
  }
}

/* Index of the last slash, or -1. */
static inline long vtn_last_slash(const char* path) {
  long at = -1;
  for (long i = 0; path[i] != 0; ++i) {
    if (path[i] == '/') {
      at = i;
    }
  }
  return at;
}

static inline const char* vtn_base_name(const char* path) {
  return path + vtn_last_slash(path) + 1;
}
