// SPDX-License-Identifier: Apache-2.0
//
// Where a report goes. A regular file is written beside its place and renamed when it is whole; a
// device or a pipe (`-o /dev/null`) is written to as it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <stdint.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace vtn::report {

// A path that is this process's stdout, whatever that is: a file is appended to.
inline constexpr char kStandardOutput[] = "/dev/stdout";

class OutputFile {
 public:
  static Result<OutputFile> create(const std::string& path);

  // Appends, on one thread.
  Status append(std::string_view bytes);

  // For run_ordered(): thread-safe where seekable(), else in order.
  Status write_at(std::string_view bytes, uint64_t offset) const;
  bool seekable() const { return atomic_.has_value(); }
  uint64_t size() const { return size_; }
  void set_size(uint64_t size) { size_ = size; }

  Status commit();

 private:
  OutputFile() = default;
  int fd() const { return atomic_ ? atomic_->fd() : fd_.get(); }

  std::string path_;
  std::optional<AtomicFile> atomic_;
  UniqueFd fd_;
  uint64_t size_ = 0;
};

}  // namespace vtn::report
