// SPDX-License-Identifier: Apache-2.0
//
// A folder for files that are nobody's output, below $TMPDIR: it goes with all that lies in it.
#pragma once

#include <string>

#include "base/result.h"

namespace vtn::launcher {

class ScratchFolder {
 public:
  static Result<ScratchFolder> make();

  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() { remove(); }

  const std::string& path() const { return path_; }
  // Also while others write into it; on one thread at a time.
  void remove();

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;  // empty: it is gone
};

}  // namespace vtn::launcher
