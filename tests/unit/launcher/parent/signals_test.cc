// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/signals.h"

#include <sys/resource.h>

#include "tests/support/catch.h"
#include "tests/support/forked.h"

namespace vtn::launcher {
namespace {

using test::exited_with;
using test::status_of_forked;

TEST_CASE("signals: ends as another process has ended, without a core", "[signals]") {
  const auto ended_as = [](int wait_status) {
    return status_of_forked([&]() -> int { end_as(wait_status); });
  };
  CHECK(ended_as(exited_with(0)) == exited_with(0));
  CHECK(ended_as(exited_with(42)) == exited_with(42));
  for (const int number : {SIGTERM, SIGKILL, SIGINT, SIGSEGV, SIGABRT, SIGRTMIN}) {
    CHECK(ended_as(number | 0x80) == number);  // 0x80: it dumped core
  }
  // Also where the signal is ignored or blocked.
  CHECK(status_of_forked([]() -> int {
          (void)signal(SIGHUP, SIG_IGN);
          (void)take_over_signals();
          end_as(SIGHUP);
        }) == SIGHUP);
}

TEST_CASE("signals: the program finds them as the launcher did", "[signals]") {
  const int status = status_of_forked([] {
    sigset_t before;
    sigset_t now;
    sigemptyset(&before);
    sigaddset(&before, SIGUSR1);
    (void)sigprocmask(SIG_SETMASK, &before, nullptr);
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    const InheritedSignals inherited = take_over_signals();
    (void)sigprocmask(SIG_SETMASK, nullptr, &now);
    if (sigismember(&now, SIGTERM) != 1 || is_ignored(SIGCHLD) || !is_ignored(SIGHUP)) {
      return 1;
    }
    give_back_signals(inherited);
    (void)sigprocmask(SIG_SETMASK, nullptr, &now);
    if (sigismember(&now, SIGUSR1) != 1 || sigismember(&now, SIGTERM) != 0) {
      return 2;
    }
    return is_ignored(SIGCHLD) && is_ignored(SIGHUP) && !is_ignored(SIGTERM) ? 0 : 3;
  });
  CHECK(status == exited_with(0));
}

TEST_CASE("signals: a forwarded one keeps its value", "[signals]") {
  const auto forwarded = [](bool queued) {
    return status_of_forked([&] {
      (void)take_over_signals();
      const int number = SIGRTMIN + 1;
      const sigval value = {.sival_int = 4711};
      sigset_t only;
      sigemptyset(&only);
      sigaddset(&only, number);
      siginfo_t first;
      siginfo_t second;
      (void)(queued ? sigqueue(getpid(), number, value) : kill(getpid(), number));
      if (sigwaitinfo(&only, &first) != number) {
        return 1;
      }
      forward_signal(getpid(), first);
      if (sigwaitinfo(&only, &second) != number) {
        return 2;
      }
      if (queued) {
        return second.si_code == SI_QUEUE && second.si_value.sival_int == 4711 ? 0 : 3;
      }
      return second.si_code == SI_USER && second.si_pid == getpid() ? 0 : 4;
    });
  };
  CHECK(forwarded(true) == exited_with(0));
  CHECK(forwarded(false) == exited_with(0));
}

}  // namespace
}  // namespace vtn::launcher
