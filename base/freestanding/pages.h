// SPDX-License-Identifier: Apache-2.0
//
// Memory for code that lives in other people's processes: whole pages straight from the kernel,
// zeroed, left out of core dumps. Never malloc: the program may have replaced, exhausted or be
// inside it. Freestanding.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"

namespace vtn {

inline constexpr size_t kPage = 4096;

constexpr size_t whole_pages(size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

// Null when the kernel refuses.
inline void* map_pages(size_t bytes) {
  const long address = raw_syscall(SYS_mmap,
                                   0,
                                   static_cast<long>(whole_pages(bytes)),
                                   PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS,
                                   -1,
                                   0);
  if (address < 0 && address > -4096) {
    return nullptr;
  }
  (void)raw_syscall(SYS_madvise, address, static_cast<long>(whole_pages(bytes)), MADV_DONTDUMP);
  return reinterpret_cast<void*>(address);
}

// As map_pages, and a forked child finds zeroes there, however it was forked.
inline void* map_wiped_pages(size_t bytes) {
  void* pages = map_pages(bytes);
  if (pages != nullptr && raw_syscall(SYS_madvise,
                                      reinterpret_cast<long>(pages),
                                      static_cast<long>(whole_pages(bytes)),
                                      MADV_WIPEONFORK) < 0) {
    return nullptr;
  }
  return pages;
}

inline void unmap_pages(void* pages, size_t bytes) {
  (void)raw_syscall(
      SYS_munmap, reinterpret_cast<long>(pages), static_cast<long>(whole_pages(bytes)));
}

}  // namespace vtn
