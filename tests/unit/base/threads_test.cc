// SPDX-License-Identifier: Apache-2.0
#include "base/threads.h"

#include <atomic>

#include <signal.h>
#include <unistd.h>

#include "base/crew.h"
#include "tests/support/catch.h"
#include "tests/support/no_threads.h"

namespace vtn {
namespace {

TEST_CASE("threads: a body runs once and is joined by the destructor", "[threads]") {
  std::atomic<int> runs{0};
  {
    auto thread = Thread::start([&] { ++runs; });
    REQUIRE(thread.has_value());
    Thread moved = std::move(*thread);
  }
  CHECK(runs == 1);
}

TEST_CASE("threads: signals go by a new thread and the mask stays as it was", "[threads]") {
  sigset_t before;
  (void)pthread_sigmask(SIG_BLOCK, nullptr, &before);
  bool blocked = false;
  {
    auto thread = Thread::start([&] {
      sigset_t mask;
      (void)pthread_sigmask(SIG_BLOCK, nullptr, &mask);
      blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
    });
    REQUIRE(thread.has_value());
  }
  CHECK(blocked);
  sigset_t after;
  (void)pthread_sigmask(SIG_BLOCK, nullptr, &after);
  CHECK(sigismember(&after, SIGTERM) == sigismember(&before, SIGTERM));
}

TEST_CASE("threads: a blocked signal is pending from when it is sent until it is taken",
          "[threads]") {
  sigset_t one;
  sigset_t before;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  (void)pthread_sigmask(SIG_BLOCK, &one, &before);
  CHECK(!is_pending(SIGUSR2));
  REQUIRE(kill(getpid(), SIGUSR2) == 0);
  CHECK(is_pending(SIGUSR2));
  CHECK(!is_pending(SIGUSR1));
  CHECK(sigwaitinfo(&one, nullptr) == SIGUSR2);
  CHECK(!is_pending(SIGUSR2));
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("threads: where none can be started it is an error, and a crew works alone",
          "[threads]") {
  CHECK(test::without_threads([] {
          Crew crew(3);
          int jobs = 0;
          crew.run(5, [&](size_t, unsigned member) { jobs += member == 0 ? 1 : 0; });
          return Thread::start([] {}) || crew.members() != 1 ? -1 : jobs;
        }) == 5);
}

}  // namespace
}  // namespace vtn
