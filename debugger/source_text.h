// SPDX-License-Identifier: Apache-2.0
//
// Lines of the program's source, as the files are now. Keeps what it has read: thread-bound.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <stdint.h>

#include "spool/model.h"

namespace vtn::debugger {

class SourceText {
 public:
  // `recorded_ns` (CLOCK_REALTIME): a file that was written later may say something
  // else. 0: not known.
  explicit SourceText(uint64_t recorded_ns) : recorded_ns_(recorded_ns) {}

  struct File {
    std::vector<std::string> lines;  // valid UTF-8, without control characters; empty: unreadable
    bool changed = false;            // since the recording
  };
  // Of a function; null: it has no file.
  const File* file_of(const spool::ImageInfo& image, const spool::FunctionInfo& function);
  // The line without what it is indented by; empty: it is not known.
  std::string line_of(const spool::ImageInfo& image,
                      const spool::FunctionInfo& function,
                      uint32_t line);

 private:
  const uint64_t recorded_ns_;
  std::map<std::string, File> files_;  // by path
};

}  // namespace vtn::debugger
