// SPDX-License-Identifier: Apache-2.0
//
// What the supervisor tells the collector, once the program has ended and while the report is made.
#pragma once

#include <signal.h>
#include <stdint.h>

namespace vtn::collector {

inline constexpr int32_t kUnknownWaitStatus = -1;

// What the supervisor writes, once, to the pipe whose read end is CollectRequest::end_fd.
// End of file without it: the supervisor died; drain once, close the spool, leave (no report).
// pid == 0: the program could not be started: remove the spool, write no report, exit 0.
struct ProgramEnd {
  int32_t pid;
  int32_t wait_status;  // as from waitpid(2), or kUnknownWaitStatus
  uint64_t start_ns;    // CLOCK_MONOTONIC, just before exec
  uint64_t end_ns;      // CLOCK_MONOTONIC, when the supervisor had reaped it
};
static_assert(sizeof(ProgramEnd) == 24);

// What the supervisor says to whoever writes the report. Not SIGTERM: service managers send that to
// every process there is, and the report is wanted all the same.
inline constexpr int kStopWaitingSignal = SIGUSR1;
inline constexpr int kGiveUpSignal = SIGUSR2;

}  // namespace vtn::collector
