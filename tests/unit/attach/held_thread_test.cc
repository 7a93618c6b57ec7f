// SPDX-License-Identifier: Apache-2.0
//
// What comes between a thread and us: calls without an end, stops, deaths; and functions that are
// waited for.
#include <string>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/remote_call.h"
#include "attach/syscall_state.h"
#include "base/processes.h"
#include "tests/support/catch.h"
#include "tests/unit/attach/traced_child.h"

namespace vtn::attach {
namespace {

TEST_CASE("remote_call: a function that takes too long comes to its end by itself", "[attach]") {
  VTN_NEEDS_TRACING;
  // errno is the function's own here: nobody is there to restore it.
  Child child([] { return compute_until_stopped(false); });
  for (int call = 1; call <= 5; ++call) {
    {
      auto thread = hold(child);
      REQUIRE(thread.has_value());
      const uint64_t begin_ns = monotonic_ns();
      const auto result =
          thread->call(address_of(vtn_test_slow), {300}, monotonic_ns() + 20'000'000);
      REQUIRE_FALSE(result.has_value());
      CHECK(result.error().code == ETIMEDOUT);
      CHECK_FALSE(thread->call(address_of(vtn_test_disturb), {}, soon()).has_value());
      thread->let_go();
      CHECK(monotonic_ns() - begin_ns < 250'000'000);
      CHECK(shared()->finished == call - 1);
    }
    for (int look = 0; look < 5000 && shared()->finished != call; ++look) {
      sleep_ms(1);
    }
    CHECK(shared()->finished == call);
    // Signals that were blocked are not any more.
    REQUIRE(kill(child.pid(), SIGUSR1) == 0);
    for (int look = 0; look < 5000 && shared()->signals != call; ++look) {
      sleep_ms(1);
    }
    CHECK(shared()->signals == call);
    // It is where it was: it can be held, and computes.
    const auto again = hold(child);
    INFO((again ? "" : again.error().message));
    CHECK(again.has_value());
  }
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("remote_call: so does one in a thread that slept, which sleeps on", "[attach]") {
  VTN_NEEDS_TRACING;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Child child([&] {
    char byte = 0;
    shared()->ready = 1;
    return read(ends[0], &byte, 1) == 1 && byte == 'r' ? 0 : 1;
  });
  for (int call = 1; call <= 5; ++call) {
    child.wait_until('S');
    {
      auto thread = hold(child);
      REQUIRE(thread.has_value());
      REQUIRE(interrupted_syscall(thread->registers()) == SYS_read);
      const auto result =
          thread->call(address_of(vtn_test_slow), {100}, monotonic_ns() + 10'000'000);
      REQUIRE_FALSE(result.has_value());
    }
    for (int look = 0; look < 5000 && shared()->finished != call; ++look) {
      sleep_ms(1);
    }
    REQUIRE(shared()->finished == call);
  }
  REQUIRE(write(ends[1], "r", 1) == 1);
  CHECK(child.wait_status() == 0);
  (void)close(ends[0]);
  (void)close(ends[1]);
}

TEST_CASE("remote_call: a stop of the process is taken part in afterwards", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    keep_errno(*thread);
    REQUIRE(kill(child.pid(), SIGSTOP) == 0);
    REQUIRE(thread->call(address_of(vtn_test_slow), {20}, soon()).has_value());
  }
  int status = 0;
  REQUIRE(waitpid(child.pid(), &status, WUNTRACED) == child.pid());
  CHECK(WIFSTOPPED(status));
  REQUIRE(kill(child.pid(), SIGCONT) == 0);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("remote_call: a thread is held as it begins a function", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child([] {
    shared()->ready = 1;
    while (shared()->stop == 0) {
      vtn_test_passed();
      sleep_ms(1);
    }
    return 0;
  });
  for (int call = 0; call < kCalls; ++call) {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    const Status came = thread->run_to(address_of(vtn_test_passed), soon());
    if (!came && came.error().message.find("without breakpoints") != std::string::npos) {
      WARN("skipped: " << came.error().message);
      return;
    }
    REQUIRE(came.has_value());
    CHECK(thread->registers().rip == address_of(vtn_test_passed));
    CHECK(thread->call(address_of(vtn_test_disturb), {1, 2, 3, 4, 5, 6}, soon()) ==
          uint64_t{654'321});
  }
  {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    const Status came = thread->run_to(address_of(vtn_test_crash), monotonic_ns() + 20'000'000);
    REQUIRE_FALSE(came.has_value());
    CHECK(came.error().code == ETIMEDOUT);
    CHECK(thread->call(address_of(vtn_test_disturb), {1, 2, 3, 4, 5, 6}, soon()) ==
          uint64_t{654'321});
  }
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("remote_call: a process that is stopped meanwhile stays so, without a breakpoint",
          "[attach]") {
  VTN_NEEDS_TRACING;
  Child child([] {
    shared()->ready = 1;
    while (shared()->futex == 0) {
      sleep_ms(1);
    }
    (void)raise(SIGSTOP);
    for (int step = 0; step < 1000; ++step) {
      vtn_test_passed();
    }
    return 0;
  });
  {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    shared()->futex = 1;
    const Status came = thread->run_to(address_of(vtn_test_passed), monotonic_ns() + 200'000'000);
    REQUIRE_FALSE(came.has_value());
    CHECK(came.error().code == ETIMEDOUT);
  }
  child.wait_until('T');
  REQUIRE(kill(child.pid(), SIGCONT) == 0);
  CHECK(child.wait_status() == 0);
}

TEST_CASE("remote_call: a thread that ends or executes another program is let go of", "[attach]") {
  VTN_NEEDS_TRACING;
  for (const bool executes : {false, true}) {
    Child child([executes] {
      shared()->ready = 1;
      while (shared()->stop == 0) {
        sleep_ms(1);
      }
      if (executes) {
        (void)execl("/bin/sh", "sh", "-c", "exit 3", nullptr);
      }
      return 3;
    });
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    shared()->stop = 1;
    const Status came = thread->run_to(address_of(vtn_test_crash), soon());
    REQUIRE_FALSE(came.has_value());
    CHECK(came.error().code == ESRCH);
    CHECK_FALSE(thread->call(address_of(vtn_test_disturb), {}, soon()).has_value());
    if (executes) {
      CHECK(child.wait_status() == 3 << 8);
    }
  }
}

TEST_CASE("remote_call: what cannot be held is an error", "[attach]") {
  VTN_NEEDS_TRACING;
  CHECK_FALSE(HeldThread::hold(getpid(), getpid(), kStopLimitNs).has_value());
  Child child(compute_with_errno);
  {
    const auto first = hold(child);
    REQUIRE(first.has_value());
    const auto second = hold(child);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == EPERM);
  }
  REQUIRE(kill(child.pid(), SIGSTOP) == 0);
  int status = 0;
  REQUIRE(waitpid(child.pid(), &status, WUNTRACED) == child.pid());
  const auto stopped = hold(child);
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().message.find("is stopped") != std::string::npos);
  child.wait_until('T');
  REQUIRE(kill(child.pid(), SIGCONT) == 0);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

}  // namespace
}  // namespace vtn::attach
