// SPDX-License-Identifier: Apache-2.0
//
// The memory of another process. It need not be stopped: what is read may change meanwhile, and is
// not to be trusted any more than a file. Reading and writing ask the kernel for the right to trace
// (ptrace(2), PTRACE_MODE_ATTACH). Thread-safe.
#pragma once

#include <optional>
#include <string>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/result.h"

namespace vtn::attach {

class RemoteMemory {
 public:
  explicit RemoteMemory(pid_t pid) : pid_(pid) {}

  pid_t pid() const { return pid_; }

  // All of it, or an error (EFAULT, ESRCH, EPERM). Neither can go through a page's protection.
  Status read(uint64_t address, void* to, size_t bytes) const;
  Status write(uint64_t address, const void* from, size_t bytes) const;

  // Nothing: it cannot be read.
  template <class T>
  std::optional<T> get(uint64_t address) const {
    T value{};
    return read(address, &value, sizeof(value)) ? std::optional<T>(value) : std::nullopt;
  }

  // The text there, up to its NUL, `limit_bytes`, or where it cannot be read.
  std::string text(uint64_t address, size_t limit_bytes) const;

 private:
  pid_t pid_;
};

}  // namespace vtn::attach
