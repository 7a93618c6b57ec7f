// SPDX-License-Identifier: Apache-2.0
//
// Frames of a spool that nobody needs any more: their place becomes a kFree frame, with those that
// lie beside it, and a hole in the file where the file system has holes. Thread-bound.
#pragma once

#include <map>

#include <stdint.h>

namespace vtn::spool {

// Bytes of a file: whole frames.
struct FilePart {
  uint64_t begin;
  uint64_t end;
};

class FreeSpace {
 public:
  // Borrowed. `known_bytes` of it were given back to the file system before.
  explicit FreeSpace(int fd, uint64_t known_bytes = 0) : fd_(fd), bytes_(known_bytes) {}

  // Cut at any instant the file stays readable: one head is written, which spans what is free.
  void add(const FilePart& part);
  // So much was given back to the file system.
  uint64_t bytes() const { return bytes_; }

 private:
  void punch(uint64_t begin, uint64_t end);

  int fd_;
  std::map<uint64_t, uint64_t> parts_;  // begin to end; no two touch, unless they would be too long
  uint64_t bytes_;
};

}  // namespace vtn::spool
