// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a file from front to back, decompressed where it is gzip (of any number of members).
// Memory is bounded whatever the file's size. Thread-bound.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "base/result.h"

struct z_stream_s;

namespace vtn::importer {

class ByteSource {
 public:
  // `path` is for messages. `go_on` (may be empty) is asked at each read: false ends it with
  // ECANCELED.
  ByteSource(UniqueFd fd, std::string path, std::function<bool()> go_on = {});
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Up to so many bytes; 0: the end. An error of a damaged or cut gzip file names the offset.
  Result<size_t> read(char* to, size_t bytes);

  bool gzip() const { return inflate_ != nullptr; }
  const std::string& path() const { return path_; }

 private:
  Result<size_t> refill();
  Result<size_t> inflate_some(char* to, size_t bytes);

  UniqueFd fd_;
  std::string path_;
  std::function<bool()> go_on_;
  bool begun_ = false;
  bool in_member_ = false;
  uint64_t file_offset_ = 0;  // of the end of `compressed_`
  std::string compressed_;
  size_t taken_ = 0;
  std::unique_ptr<z_stream_s> inflate_;  // null: not gzip
};

}  // namespace vtn::importer
