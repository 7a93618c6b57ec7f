// SPDX-License-Identifier: Apache-2.0
//
// Ownership of a memory mapping of a file.
#pragma once

#include <span>
#include <utility>

#include <stddef.h>

#include "base/result.h"

namespace vtn {

class Mapping {
 public:
  enum class Access {
    kRead,       // private, read-only; reading past a file cut short meanwhile is SIGBUS
    kReadWrite,  // shared with every other process that maps the file
  };

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { unmap(); }

  // Maps `bytes` from the start of the file. Zero bytes give an empty mapping. Left out of dumps.
  static Result<Mapping> map(int fd, size_t bytes, Access access);

  void* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<const unsigned char> bytes() const {
    return {static_cast<const unsigned char*>(data_), size_};
  }
  explicit operator bool() const { return data_ != nullptr; }
  void unmap();

 private:
  Mapping(void* data, size_t size) : data_(data), size_(size) {}

  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vtn
