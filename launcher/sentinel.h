// SPDX-License-Identifier: Apache-2.0
//
// A small process in the supervisor's process group, for two things that the supervisor cannot
// know by itself:
//
//   * A signal from a process: was it sent to the supervisor alone (then it is meant for the
//     program, and passed on), or to the whole group (then the program has it already)? If the
//     sentinel got it as well, it was the group.
//   * When the program is stopped, the supervisor stops itself so that the shell sees the job
//     stopped. If then the program alone is continued, nobody wakes the supervisor: the sentinel
//     does.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"

namespace vtn {

class Sentinel {
 public:
  // Call after the program has been started: with all signals blocked.
  static Result<Sentinel> start(pid_t program);

  Sentinel(Sentinel&&) = default;
  Sentinel& operator=(Sentinel&&) = default;
  ~Sentinel();

  pid_t pid() const { return pid_; }
  // Whether the signal that the supervisor just took was sent to the group. Takes some 2 ms.
  bool saw(const siginfo_t& info);
  // The supervisor is about to stop itself.
  void watch_program();
  // It has gone, and has been waited for by somebody else.
  void forget() { pid_ = -1; }

 private:
  struct Seen {
    int signal;
    pid_t sender;
  };
  static constexpr int kMostSeen = 64;

  Sentinel(pid_t pid, UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  UniqueFd channel_;
  Seen seen_[kMostSeen] = {};
  int seen_count_ = 0;
};

}  // namespace vtn
