// SPDX-License-Identifier: Apache-2.0
//
// A folder for files that are nobody's output, below $TMPDIR: it goes with all that lies in it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"

namespace vtn::launcher {

class ScratchFolder {
 public:
  static Result<ScratchFolder> make();

  ScratchFolder(ScratchFolder&& other) noexcept = default;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() { remove(); }

  const std::string& path() const { return path_; }
  // Also while others write into it, and on any thread.
  void remove();

 private:
  explicit ScratchFolder(std::string path)
      : path_(std::move(path)), is_there_(std::make_unique<std::atomic<bool>>(true)) {}

  std::string path_;
  std::unique_ptr<std::atomic<bool>> is_there_;
};

}  // namespace vtn::launcher
