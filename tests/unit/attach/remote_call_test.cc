// SPDX-License-Identifier: Apache-2.0
#include "attach/remote_call.h"

#include <functional>
#include <string>

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/syscall_state.h"
#include "tests/support/catch.h"
#include "tests/unit/attach/traced_child.h"

namespace vtn::attach {
namespace {

TEST_CASE("remote_call: a thread that computes has its registers, red zone and errno again",
          "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  for (int call = 0; call < 200; ++call) {
    call_once(child);
  }
  CHECK(shared()->calls == 200);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("remote_call: several calls are made while a thread is held once", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    keep_errno(*thread);
    const auto text = thread->put({"12345", 6});
    REQUIRE(text.has_value());
    // Below the red zone.
    CHECK(*text + 6 <= thread->registers().rsp - 128);
    for (int call = 0; call < kCalls; ++call) {
      REQUIRE(thread->call(address_of(strlen), {*text}, soon()) == uint64_t{5});
    }
  }
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

// What a child waits in: 0 if it went as if nobody had been there.
struct Wait {
  const char* name;
  std::function<int()> body;
  std::function<void()> end = [] {};
};

int check_slept(int result, uint64_t begin_ns, uint64_t ms) {
  const uint64_t slept_ns = monotonic_ns() - begin_ns;
  return result != 0 ? 1 : slept_ns < ms * 1'000'000 ? 2 : errno != EDOM ? 3 : 0;
}

TEST_CASE("remote_call: a system call that a thread sleeps in goes on", "[attach]") {
  VTN_NEEDS_TRACING;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const auto timed = [](const std::function<int()>& body) {
    return [body] {
      errno = EDOM;
      const uint64_t begin_ns = monotonic_ns();
      shared()->ready = 1;
      const int result = body();
      return check_slept(result, begin_ns, 700);
    };
  };
  const Wait waits[] = {
      {"nanosleep", timed([] {
         const struct timespec time = {0, 700'000'000};
         return nanosleep(&time, nullptr);
       })},
      {"poll", timed([] { return poll(nullptr, 0, 700); })},
      {"select", timed([] {
         struct timeval time = {0, 700'000};
         return select(0, nullptr, nullptr, nullptr, &time);
       })},
      {"futex",
       [] {
         errno = EDOM;
         shared()->ready = 1;
         while (shared()->futex == 0) {
           if (syscall(SYS_futex, &shared()->futex, FUTEX_WAIT_BITSET, 0, nullptr, nullptr, ~0) !=
               0) {
             return 1;
           }
         }
         return errno == EDOM ? 0 : 2;
       },
       [] {
         shared()->futex = 1;
         (void)syscall(SYS_futex, &shared()->futex, FUTEX_WAKE, 1, nullptr, nullptr, 0);
       }},
      {"read",
       [&] {
         char byte = 0;
         errno = EDOM;
         shared()->ready = 1;
         return read(ends[0], &byte, 1) == 1 && byte == 'r' && errno == EDOM ? 0 : 1;
       },
       [&] { REQUIRE(write(ends[1], "r", 1) == 1); }},
      {"epoll_wait",
       [&] {
         const int epoll = epoll_create1(EPOLL_CLOEXEC);
         struct epoll_event event = {};
         event.events = EPOLLIN;
         (void)epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
         errno = EDOM;
         shared()->ready = 1;
         return epoll_wait(epoll, &event, 1, -1) == 1 && errno == EDOM ? 0 : 1;
       },
       [&] { REQUIRE(write(ends[1], "e", 1) == 1); }},
  };
  for (const Wait& wait : waits) {
    INFO(wait.name);
    Child child(wait.body);
    child.wait_until('S');
    for (int call = 0; call < kCalls; ++call) {
      call_once(child);
      child.wait_until('S');
    }
    wait.end();
    CHECK(child.wait_status() == 0);
  }
  (void)close(ends[0]);
  (void)close(ends[1]);
}

TEST_CASE("remote_call: the registers tell of the system call", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child([] {
    shared()->ready = 1;
    return poll(nullptr, 0, -1);
  });
  child.wait_until('S');
  auto thread = hold(child);
  REQUIRE(thread.has_value());
  CHECK(interrupted_syscall(thread->registers()) == SYS_poll);
  thread->let_go();

  Child busy(compute_with_errno);
  auto other = hold(busy);
  REQUIRE(other.has_value());
  CHECK_FALSE(interrupted_syscall(other->registers()).has_value());
}

TEST_CASE("remote_call: which sleeps are safe", "[attach]") {
  CHECK(is_safe_sleep(SYS_epoll_wait, 0));
  CHECK(is_safe_sleep(SYS_futex, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG));
  CHECK(is_safe_sleep(SYS_futex, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME));
  CHECK_FALSE(is_safe_sleep(SYS_futex, FUTEX_WAIT | FUTEX_PRIVATE_FLAG));  // malloc's locks
  CHECK_FALSE(is_safe_sleep(SYS_futex, FUTEX_LOCK_PI));
  CHECK_FALSE(is_safe_sleep(SYS_mmap, 0));
  CHECK_FALSE(is_safe_sleep(SYS_openat, 0));
}

TEST_CASE("remote_call: a signal that comes meanwhile waits until the call is over", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child([] {
    (void)signal(SIGSEGV, [](int) { shared()->signals = shared()->signals + 100; });
    return compute_with_errno();
  });
  {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    keep_errno(*thread);
    REQUIRE(kill(child.pid(), SIGUSR1) == 0);
    REQUIRE(kill(child.pid(), SIGSEGV) == 0);  // cannot be blocked, and is not ours
    REQUIRE(thread->call(address_of(vtn_test_slow), {30}, soon()).has_value());
    CHECK(shared()->signals == 0);
  }
  for (int look = 0; look < 5000 && shared()->signals != 101; ++look) {
    sleep_ms(1);
  }
  CHECK(shared()->signals == 101);
  CHECK(shared()->signals_within == 0);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("remote_call: a function that crashes is an error, and the thread goes on", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  for (int call = 0; call < kCalls; ++call) {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    const auto result = thread->call(address_of(vtn_test_crash), {16}, soon());
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == EFAULT);
    CHECK(result.error().message.find("crashed") != std::string::npos);
    // A call of a null pointer is no return.
    CHECK_FALSE(thread->call(0, {}, soon()).has_value());
  }
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

}  // namespace
}  // namespace vtn::attach
