// SPDX-License-Identifier: Apache-2.0
//
// Two small processes, for what the supervisor cannot know by itself. The *sentinel* is a member of
// its process group; the *keeper*, the sentinel's parent, is in a session of its own, out of reach
// of whatever is done to the group.
//
//   * A signal from a process: was it sent to the supervisor alone (then it is meant for the
//     program, and passed on), or to the whole group (then the program has it already)? If the
//     sentinel got it as well, it was the group.
//   * When the program is stopped, the supervisor stops itself so that the shell sees the job
//     stopped. If then the program alone is continued, nobody wakes the supervisor: the keeper
//     does. It looks while it must: from when the supervisor says that it stops, or the sentinel is
//     stopped, which means that the group is.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"

namespace vtn::launcher {

class Sentinel {
 public:
  // Call after the program has been started: with all signals blocked.
  static Result<Sentinel> start(pid_t program);

  Sentinel(Sentinel&&) = default;
  Sentinel& operator=(Sentinel&&) = default;
  ~Sentinel();

  // The keeper's: the supervisor's own child.
  pid_t pid() const { return keeper_; }
  // Whether the process is one of the two.
  bool is_one(pid_t pid) const { return pid == keeper_ || pid == sentinel_; }
  // Whether the signal that the supervisor just took was sent to the group. Takes some 2 ms.
  bool saw(const siginfo_t& info);
  // The supervisor is about to stop itself.
  void watch_program();
  // The keeper has gone, and has been waited for by somebody else.
  void forget() { keeper_ = -1; }

 private:
  struct Seen {
    int signal;
    pid_t sender;
  };
  static constexpr int kMostSeen = 64;

  Sentinel(pid_t keeper, pid_t sentinel, UniqueFd to_keeper, UniqueFd to_sentinel)
      : keeper_(keeper),
        sentinel_(sentinel),
        to_keeper_(std::move(to_keeper)),
        to_sentinel_(std::move(to_sentinel)) {}

  pid_t keeper_;
  pid_t sentinel_;
  UniqueFd to_keeper_;
  UniqueFd to_sentinel_;
  Seen seen_[kMostSeen] = {};
  int seen_count_ = 0;
};

}  // namespace vtn::launcher
