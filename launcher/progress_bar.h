// SPDX-License-Identifier: Apache-2.0
//
// How far a work is that somebody waits for, on a terminal: one line on stderr that is written over
// and over, and wiped at the end. What is done within a second shows none. For one thread at a
// time.
#pragma once

#include <string>

#include <stdint.h>

namespace vtn::launcher {

class ProgressBar {
 public:
  // `name`: the work, such as "writing result.json". Shows nothing unless stderr is a terminal.
  explicit ProgressBar(std::string name, bool shown = true);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(uint64_t done, uint64_t total);

 private:
  std::string name_;
  bool shown_;
  bool drawn_ = false;
  uint64_t start_ns_;
};

}  // namespace vtn::launcher
