// SPDX-License-Identifier: Apache-2.0
//
// Runs what changes a process for good (signal masks, its group, its end) in a child, which must
// not use Catch2's checks: it says what it found by its exit status.
#pragma once

#include <functional>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace vtn::test {

// The child leads a process group of its own, of which nothing is left afterwards, and ends with
// what `body` returns. `meanwhile` runs here. Its wait status.
inline int status_of_forked(
    const std::function<int()>& body, const std::function<void()>& meanwhile = [] {}) {
  const pid_t child = fork();
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    _exit(body());
  }
  REQUIRE(child > 0);
  meanwhile();
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  (void)kill(-child, SIGKILL);
  return status;
}

constexpr int exited_with(int code) { return code << 8; }

}  // namespace vtn::test
