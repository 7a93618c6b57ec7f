// SPDX-License-Identifier: Apache-2.0
//
// Threads are sent on errands, and are afterwards where they were, as they were.
#include <functional>
#include <string>

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/held_thread.h"
#include "attach/syscall_state.h"
#include "tests/support/catch.h"
#include "tests/unit/attach/traced_child.h"

namespace vtn::attach {
namespace {

// A system call, and a function that we take the thread back from; everything is let go of then.
void run_errands(const Child& child) {
  auto thread = hold(child);
  REQUIRE(thread.has_value());
  REQUIRE(thread->run_syscall(SYS_getppid, {}, soon()) == int64_t{getpid()});
  REQUIRE(thread->run_syscall(SYS_close, {~uint64_t{0}}, soon()) == int64_t{-EBADF});
  REQUIRE(thread->start(address_of(vtn_test_spin), address_of(&shared()->stop)).has_value());
  const auto back = thread->take_back(address_of(vtn_test_spin), kSpinBytes, soon());
  REQUIRE(back.has_value());
  CHECK(*back);
  REQUIRE(thread->run_syscall(SYS_getppid, {}, soon()) == int64_t{getpid()});
  thread->let_go();
  CHECK(thread->held_ns() > 0);
}

TEST_CASE("errands: a thread that computes has its registers, red zone and errno again",
          "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  for (int call = 0; call < 100; ++call) {
    run_errands(child);
  }
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("errands: it finds back by itself", "[attach]") {
  VTN_NEEDS_TRACING;
  // errno is the function's own here: nobody restores it.
  Child child([] { return compute_until_stopped(false); });
  for (int call = 1; call <= 200; ++call) {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    REQUIRE(thread->send(address_of(vtn_test_disturb), 7).has_value());
    CHECK_FALSE(thread->run_syscall(SYS_getppid, {}, soon()).has_value());
    wait_for(shared()->calls, call);
  }
  // Signals that were blocked are not any more.
  REQUIRE(kill(child.pid(), SIGUSR1) == 0);
  wait_for(shared()->signals, 1);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("errands: so does one that slept, which sleeps on", "[attach]") {
  VTN_NEEDS_TRACING;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Child child([&] {
    char byte = 0;
    shared()->ready = 1;
    return read(ends[0], &byte, 1) == 1 && byte == 'r' ? 0 : 1;
  });
  for (int call = 1; call <= 20; ++call) {
    child.wait_until('S');
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    REQUIRE(interrupted_syscall(thread->registers()) == SYS_read);
    // Sent, or started and not waited for.
    if (call % 2 == 0) {
      REQUIRE(thread->send(address_of(vtn_test_slow), 5).has_value());
    } else {
      REQUIRE(thread->start(address_of(vtn_test_slow), 5).has_value());
      thread->let_go();
    }
    wait_for(shared()->calls, call);
  }
  REQUIRE(write(ends[1], "r", 1) == 1);
  CHECK(child.wait_status() == 0);
  (void)close(ends[0]);
  (void)close(ends[1]);
}

TEST_CASE("errands: one that is back already is not taken back", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child([] { return compute_until_stopped(false); });
  auto thread = hold(child);
  REQUIRE(thread.has_value());
  REQUIRE(thread->start(address_of(vtn_test_disturb), 7).has_value());
  wait_for(shared()->calls, 1);
  sleep_ms(5);
  CHECK(thread->take_back(address_of(vtn_test_spin), kSpinBytes, soon()) == false);
  CHECK_FALSE(thread->run_syscall(SYS_getppid, {}, soon()).has_value());
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("errands: we may be killed at any instant", "[attach]") {
  VTN_NEEDS_TRACING;
  (void)return_code();
  for (const bool sleeps : {false, true}) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    Child child([&] {
      char byte = 0;
      shared()->ready = 1;
      return !sleeps ? compute_with_errno() : read(ends[0], &byte, 1) == 1 ? 0 : 1;
    });
    for (int death = 0; death < 150; ++death) {
      const pid_t tracer = fork();
      if (tracer == 0) {
        while (true) {
          auto thread = hold(child);
          if (thread) {
            (void)thread->run_syscall(SYS_getppid, {}, soon());
            (void)thread->run_syscall(SYS_getppid, {}, soon());
            (void)thread->start(address_of(getppid), 0);
            (void)thread->take_back(1, 1, soon());
          }
        }
      }
      const struct timespec pause = {0, 1'000'000 + death * 7'919 % 1'000'000};
      (void)nanosleep(&pause, nullptr);
      REQUIRE(kill(tracer, SIGKILL) == 0);
      REQUIRE(waitpid(tracer, nullptr, 0) == tracer);
      REQUIRE_FALSE(child.has_ended());
    }
    run_errands(child);
    shared()->stop = 1;
    REQUIRE(write(ends[1], "r", 1) == 1);
    CHECK(child.wait_status() == 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
  }
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

TEST_CASE("errands: a system call that a thread sleeps in goes on", "[attach]") {
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
      run_errands(child);
      child.wait_until('S');
    }
    wait.end();
    CHECK(child.wait_status() == 0);
  }
  (void)close(ends[0]);
  (void)close(ends[1]);
}

TEST_CASE("errands: the registers tell of the system call", "[attach]") {
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

TEST_CASE("errands: which sleeps are safe", "[attach]") {
  CHECK(is_safe_sleep(SYS_epoll_wait, 0));
  CHECK(is_safe_sleep(SYS_futex, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG));
  CHECK(is_safe_sleep(SYS_futex, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME));
  CHECK_FALSE(is_safe_sleep(SYS_futex, FUTEX_WAIT | FUTEX_PRIVATE_FLAG));  // malloc's locks
  CHECK_FALSE(is_safe_sleep(SYS_futex, FUTEX_LOCK_PI));
  CHECK_FALSE(is_safe_sleep(SYS_mmap, 0));
  CHECK_FALSE(is_safe_sleep(SYS_openat, 0));
}

TEST_CASE("errands: a signal that comes meanwhile waits until they are over", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child([] { return compute_until_stopped(false); });
  auto thread = hold(child);
  REQUIRE(thread.has_value());
  REQUIRE(kill(child.pid(), SIGUSR1) == 0);
  REQUIRE(thread->send(address_of(vtn_test_slow), 30).has_value());
  wait_for(shared()->signals, 1);
  CHECK(shared()->signals_within == 0);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("errands: a stop of the process is taken part in afterwards", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  {
    auto thread = hold(child);
    REQUIRE(thread.has_value());
    REQUIRE(kill(child.pid(), SIGSTOP) == 0);
    REQUIRE(thread->run_syscall(SYS_getppid, {}, soon()).has_value());
  }
  int status = 0;
  REQUIRE(waitpid(child.pid(), &status, WUNTRACED) == child.pid());
  CHECK(WIFSTOPPED(status));
  REQUIRE(kill(child.pid(), SIGCONT) == 0);
  shared()->stop = 1;
  CHECK(child.wait_status() == 0);
}

TEST_CASE("errands: a thread that ends is let go of", "[attach]") {
  VTN_NEEDS_TRACING;
  Child child(compute_with_errno);
  auto thread = hold(child);
  REQUIRE(thread.has_value());
  REQUIRE(thread->start(address_of(_exit), 3).has_value());
  child.wait_until('Z');
  const auto back = thread->take_back(1, 1, soon());
  REQUIRE_FALSE(back.has_value());
  CHECK(back.error().code == ESRCH);
  CHECK_FALSE(thread->run_syscall(SYS_getppid, {}, soon()).has_value());
}

TEST_CASE("errands: what cannot be held is an error", "[attach]") {
  VTN_NEEDS_TRACING;
  CHECK_FALSE(HeldThread::hold(getpid(), getpid(), return_code(), kStopLimitNs).has_value());
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
