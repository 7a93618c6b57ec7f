// SPDX-License-Identifier: Apache-2.0
#include "base/exit_status.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

// A child that ends by `end`, and has ended; not waited for yet.
struct Ended {
  template <class End>
  explicit Ended(const End& end) : pid(fork()) {
    if (pid == 0) {
      end();
      _exit(99);
    }
    pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    pollfd waiting = {pidfd.get(), POLLIN, 0};
    REQUIRE(poll(&waiting, 1, 60'000) == 1);
  }

  pid_t pid;
  UniqueFd pidfd;
};

TEST_CASE("exit status: of a process that nobody has waited for", "[exit_status]") {
  const Ended exited([] { _exit(42); });
  CHECK(status_of_ended(exited.pidfd.get(), exited.pid) == 42 << 8);
  const Ended killed([] { (void)raise(SIGKILL); });
  CHECK(status_of_ended(killed.pidfd.get(), killed.pid) == SIGKILL);
  REQUIRE(waitpid(exited.pid, nullptr, 0) == exited.pid);
  REQUIRE(waitpid(killed.pid, nullptr, 0) == killed.pid);
}

TEST_CASE("exit status: afterwards it is right or unknown", "[exit_status]") {
  const Ended exited([] { _exit(42); });
  REQUIRE(waitpid(exited.pid, nullptr, 0) == exited.pid);
  const auto status = status_of_ended(exited.pidfd.get(), exited.pid);
  CHECK((!status || *status == 42 << 8));
}

TEST_CASE("exit status: a process that lives has none", "[exit_status]") {
  const UniqueFd own(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  CHECK(!status_of_ended(own.get(), getpid()));
}

TEST_CASE("exit status: of another process with the pid nothing is told", "[exit_status]") {
  const Ended first([] { _exit(1); });
  const Ended second([] { _exit(2); });
  REQUIRE(waitpid(first.pid, nullptr, 0) == first.pid);
  const auto status = status_of_ended(first.pidfd.get(), second.pid);
  CHECK((!status || *status == 1 << 8));
  REQUIRE(waitpid(second.pid, nullptr, 0) == second.pid);
}

}  // namespace
}  // namespace vtn
