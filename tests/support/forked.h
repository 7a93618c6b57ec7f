// SPDX-License-Identifier: Apache-2.0
//
// Runs what changes a process for good (signal masks, its group, its end) in a child, which must
// not use Catch2's checks: it says what it found by its exit status.
#pragma once

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vtn::test {

// The child leads a process group of its own, of which nothing is left afterwards, and ends with
// what `body` returns. Its wait status.
template <class Body>
int status_of_forked(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    (void)setpgid(0, 0);
    _exit(body());
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  (void)kill(-child, SIGKILL);
  return status;
}

constexpr int exited_with(int code) { return code << 8; }

}  // namespace vtn::test
