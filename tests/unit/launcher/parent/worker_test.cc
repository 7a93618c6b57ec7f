// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/worker.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collector/program_end.h"
#include "launcher/parent/signals.h"
#include "tests/support/catch.h"
#include "tests/support/forked.h"

namespace vtn::launcher {
namespace {

using test::exited_with;
using test::status_of_forked;

// What `check` says of how waiting for a worker with this body ended.
template <class Body, class Check>
int waited(const Body& body, const Check& check, const std::string& first_interrupt = "") {
  return status_of_forked([&] {
    (void)take_over_signals();
    auto worker = start_worker(body);
    return worker && check(wait_for_report(*worker, first_interrupt)) ? 0 : 1;
  });
}

// Until the signal comes, which is then taken.
int wait_for(int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  return sigwaitinfo(&only, nullptr) == number ? 0 : 1;
}

TEST_CASE("worker: it is seen how it ended", "[worker]") {
  CHECK(waited([] { return 0; },
               [](const ReportWait& wait) {
                 return wait.complete && !wait.killed && !wait.given_up;
               }) == exited_with(0));
  CHECK(waited([] { return 3; },
               [](const ReportWait& wait) { return !wait.complete && !wait.killed; }) ==
        exited_with(0));
  CHECK(waited([] { return raise(SIGKILL); },
               [](const ReportWait& wait) {
                 return !wait.complete && wait.killed && !wait.given_up;
               }) == exited_with(0));
}

TEST_CASE("worker: has a session of its own, and no input or output", "[worker]") {
  const auto apart = [] {
    struct stat input = {};
    struct stat output = {};
    const bool null = fstat(0, &input) == 0 && fstat(1, &output) == 0 &&
                      input.st_rdev == makedev(1, 3) && output.st_rdev == makedev(1, 3);
    return null && getsid(0) == getpid() ? 0 : 1;
  };
  CHECK(waited(apart, [](const ReportWait& wait) { return wait.complete; }) == exited_with(0));
}

TEST_CASE("worker: one that was stopped is continued", "[worker]") {
  CHECK(waited([] { return raise(SIGSTOP); },
               [](const ReportWait& wait) { return wait.complete; }) == exited_with(0));
}

TEST_CASE("worker: the first interrupt warns where it shall, the next gives up", "[worker]") {
  const auto interrupts_its_parent = [] {
    (void)kill(getppid(), SIGTERM);
    return wait_for(collector::kGiveUpSignal);
  };
  CHECK(waited(interrupts_its_parent, [](const ReportWait& wait) {
          return wait.complete && wait.given_up && wait.signal == SIGTERM;
        }) == exited_with(0));
  const auto interrupts_twice = [] {
    (void)kill(getppid(), SIGINT);
    if (wait_for(collector::kStopWaitingSignal) != 0) {
      return 1;
    }
    (void)kill(getppid(), SIGTERM);
    return wait_for(collector::kGiveUpSignal);
  };
  CHECK(waited(
            interrupts_twice,
            [](const ReportWait& wait) {
              return wait.complete && wait.given_up && wait.signal == SIGTERM;
            },
            "once more gives the report up") == exited_with(0));
}

TEST_CASE("worker: one that does not give up is killed", "[worker]") {
  const auto deaf = [] {
    (void)kill(getppid(), SIGTERM);
    for (;;) {
      (void)pause();
    }
    return 0;
  };
  CHECK(waited(deaf, [](const ReportWait& wait) {
          return !wait.complete && wait.given_up && !wait.killed;
        }) == exited_with(0));
}

}  // namespace
}  // namespace vtn::launcher
