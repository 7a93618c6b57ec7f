// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C, SIGTERM, SIGHUP and SIGQUIT in a process that has threads and may be busy for long: one
// more thread waits for them, so that they end it at once, whatever the others are at. What was
// ignored when the process was started stays so.
#pragma once

#include <functional>

#include "base/fd.h"
#include "base/result.h"
#include "base/threads.h"

namespace vtn::launcher {

class EndWatch {
 public:
  // Before any other thread is started. `end` is called on the watch's own thread with the signal,
  // and must not return. The signals stay blocked.
  static Result<EndWatch> start(std::function<void(int signal)> end);

  EndWatch(EndWatch&&) noexcept = default;
  EndWatch& operator=(EndWatch&&) = delete;
  // From here on they only wait.
  ~EndWatch();

 private:
  EndWatch(UniqueFd signals, Pipe stop, Thread thread);

  UniqueFd signals_;
  Pipe stop_;
  Thread thread_;
};

}  // namespace vtn::launcher
