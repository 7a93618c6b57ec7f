// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/sentinel.h"

#include <functional>

#include <errno.h>

#include "launcher/parent/signals.h"
#include "tests/support/catch.h"
#include "tests/support/forked.h"

namespace vtn::launcher {
namespace {

using test::exited_with;
using test::status_of_forked;

// A process of the group that waits until it is killed.
pid_t start_idle() {
  const pid_t pid = fork();
  if (pid == 0) {
    for (;;) {
      (void)pause();
    }
  }
  return pid;
}

// Sends SIGTERM from a process outside of the group, as a service manager does.
void send_from_outside(pid_t to) {
  const pid_t sender = fork();
  if (sender == 0) {
    (void)setsid();
    _exit(kill(to, SIGTERM) == 0 ? 0 : 1);
  }
}

siginfo_t take(int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  siginfo_t info = {};
  while (sigwaitinfo(&only, &info) != number) {
  }
  return info;
}

// What `body` returns in a supervisor that has a sentinel and an idle program; -1: it has none.
int supervising(const std::function<int(Sentinel& sentinel, pid_t program)>& body) {
  return status_of_forked([&] {
    (void)take_over_signals();
    const pid_t program = start_idle();
    auto sentinel = Sentinel::start(program);
    return sentinel ? body(*sentinel, program) : -1;
  });
}

TEST_CASE("sentinel: tells a signal to the group from one to the supervisor alone", "[sentinel]") {
  const int status = supervising([](Sentinel& sentinel, pid_t program) {
    if (!sentinel.is_one(sentinel.pid()) || sentinel.is_one(program)) {
      return 1;
    }
    for (int round = 0; round < 5; ++round) {
      send_from_outside(getpid());
      if (sentinel.saw(take(SIGTERM))) {
        return 2;
      }
      send_from_outside(-getpgrp());
      if (!sentinel.saw(take(SIGTERM))) {
        return 3;
      }
    }
    return 0;
  });
  CHECK(status == exited_with(0));
}

TEST_CASE("sentinel: the keeper wakes a supervisor whose program goes on", "[sentinel]") {
  const int status = supervising([](Sentinel& sentinel, pid_t) {
    // The program was stopped, and is continued in the moment before its supervisor stops.
    sentinel.watch_program();
    (void)raise(SIGSTOP);  // returns when somebody continues this process
    return 0;
  });
  CHECK(status == exited_with(0));
}

TEST_CASE("sentinel: both are gone when it is destroyed", "[sentinel]") {
  const int status = status_of_forked([] {
    (void)take_over_signals();
    pid_t keeper = -1;
    {
      auto sentinel = Sentinel::start(getpid());
      if (!sentinel) {
        return 1;
      }
      keeper = sentinel->pid();
      if (kill(keeper, 0) != 0) {
        return 2;
      }
    }
    return kill(keeper, 0) != 0 && errno == ESRCH && waitpid(-1, nullptr, WNOHANG) < 0 ? 0 : 3;
  });
  CHECK(status == exited_with(0));
}

}  // namespace
}  // namespace vtn::launcher
