// SPDX-License-Identifier: Apache-2.0
//
// Bytes that grow and are used again, without ever being cleared. Encoders write through a bare
// pointer into room they have asked for.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>

#include <stddef.h>
#include <string.h>

namespace vtn::report {

class ByteBuffer {
 public:
  char* data() { return bytes_.get(); }
  size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  void clear() { size_ = 0; }

  // Room for so many more bytes; returns where they go. Then set_end() says how far it went.
  char* room(size_t bytes) {
    if (capacity_ - size_ < bytes) {
      grow(bytes);
    }
    return bytes_.get() + size_;
  }
  char* limit() { return bytes_.get() + capacity_; }
  void set_end(const char* end) { size_ = static_cast<size_t>(end - bytes_.get()); }

  void append(std::string_view bytes) {
    if (!bytes.empty()) {
      memcpy(room(bytes.size()), bytes.data(), bytes.size());
      size_ += bytes.size();
    }
  }

 private:
  [[gnu::noinline, gnu::cold]] void grow(size_t bytes) {
    const size_t capacity = std::max(size_ + bytes, capacity_ + capacity_ / 2 + 4096);
    std::unique_ptr<char[]> larger(new char[capacity]);
    if (size_ != 0) {
      memcpy(larger.get(), bytes_.get(), size_);
    }
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace vtn::report
