// SPDX-License-Identifier: Apache-2.0
//
// A part of a recording as a recording: of some processes and threads, what lies between two times,
// or the calls of some functions and all below them. Exact: a call that reaches in begins or ends
// at the border (of several, each a step apart from the next), so all sums are of the window. What
// is told of processes stays; a frame of kind kWindow says what the window is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/fd.h"
#include "base/result.h"
#include "spool/clock_map.h"
#include "spool/reader.h"

namespace vtn::spool {

struct WindowRequest {
  const Reader* input = nullptr;
  uint64_t from_ticks = 0;
  uint64_t to_ticks = UINT64_MAX;
  std::vector<bool> processes;  // that are shown, by number
  std::vector<bool> threads;    // of which there is something, by the model's index
  // By image and id: calls of these functions, and what is below them. Empty: all calls.
  std::vector<std::vector<bool>> functions;
  // Frames; on the calling thread, now and then. False: give up (ECANCELED). May be empty.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

// Writes into `fd`, which is empty, open for reading and writing; `path` is its name. The whole
// recording, closed.
Result<std::unique_ptr<Reader>> cut_window(const WindowRequest& request,
                                           UniqueFd fd,
                                           const std::string& path);

// The first ticks that are not before that time of CLOCK_MONOTONIC.
uint64_t ticks_at(const ClockMap& clock, uint64_t ns);

}  // namespace vtn::spool
