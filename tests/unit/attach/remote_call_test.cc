// SPDX-License-Identifier: Apache-2.0
//
// Calls into children of this program. They are forks of it: its functions lie where ours lie.
#include "attach/remote_call.h"

#include <functional>
#include <string>

#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/syscall_state.h"
#include "base/processes.h"
#include "tests/support/catch.h"

namespace vtn::attach {
namespace {

constexpr uint64_t kStopLimitNs = 2'000'000'000;
constexpr uint64_t kCallLimitNs = 2'000'000'000;
constexpr int kCalls = 20;

// What both sides see.
struct Shared {
  volatile int ready;
  volatile int stop;
  volatile int calls;
  volatile int finished;
  volatile int futex;
  volatile int signals;
  volatile int signals_within;
  volatile int is_within;
};

Shared* shared() {
  static auto* page = static_cast<Shared*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return page;
}

template <class Function>
uint64_t address_of(Function* function) {
  return reinterpret_cast<uint64_t>(function);
}

uint64_t soon() { return monotonic_ns() + kCallLimitNs; }

void sleep_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1'000'000};
  (void)nanosleep(&time, nullptr);
}

// A child that ends with what `body` returns.
class Child {
 public:
  explicit Child(const std::function<int()>& body) {
    *shared() = {};
    pid_ = fork();
    if (pid_ == 0) {
      (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(body());
    }
    REQUIRE(pid_ > 0);
    while (shared()->ready == 0) {
      sleep_ms(1);
    }
  }
  ~Child() {
    if (pid_ > 0) {
      (void)kill(pid_, SIGKILL);
      (void)waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int wait_status() {
    int status = -1;
    REQUIRE(waitpid(pid_, &status, 0) == pid_);
    pid_ = 0;
    return status;
  }
  void wait_until(char state) const {
    for (int look = 0; look < 5000 && read_process_stat(pid_)->state != state; ++look) {
      sleep_ms(1);
    }
    REQUIRE(read_process_stat(pid_)->state == state);
  }

 private:
  pid_t pid_ = 0;
};

Result<HeldThread> hold(const Child& child) {
  return HeldThread::hold(child.pid(), child.pid(), kStopLimitNs);
}

// Tracing is what all of this needs, and a sandbox may refuse it.
bool may_trace() {
  Child child([] {
    shared()->ready = 1;
    return pause();
  });
  const bool may = hold(child).has_value();
  if (!may) {
    WARN("skipped: the kernel does not let a process trace its child");
  }
  return may;
}

#define VTN_NEEDS_TRACING \
  do {                    \
    if (!may_trace()) {   \
      return;             \
    }                     \
  } while (false)

// Puts something else into every register that a function may change, and into errno.
extern "C" [[gnu::noinline]] uint64_t vtn_test_disturb(
    uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  double sum = 0;
  for (int step = 1; step < 50; ++step) {
    sum += sqrt(static_cast<double>(step) + static_cast<double>(a));
  }
  asm volatile(
      "pcmpeqb %%xmm0, %%xmm0\n pcmpeqb %%xmm1, %%xmm1\n pcmpeqb %%xmm2, %%xmm2\n"
      "pcmpeqb %%xmm3, %%xmm3\n pcmpeqb %%xmm4, %%xmm4\n pcmpeqb %%xmm5, %%xmm5\n"
      "pcmpeqb %%xmm6, %%xmm6\n pcmpeqb %%xmm7, %%xmm7\n pcmpeqb %%xmm8, %%xmm8\n"
      "pcmpeqb %%xmm9, %%xmm9\n pcmpeqb %%xmm10, %%xmm10\n pcmpeqb %%xmm11, %%xmm11\n"
      "pcmpeqb %%xmm12, %%xmm12\n pcmpeqb %%xmm13, %%xmm13\n pcmpeqb %%xmm14, %%xmm14\n"
      "pcmpeqb %%xmm15, %%xmm15\n fldpi\n"
      "mov $-1, %%r8\n mov $-1, %%r9\n mov $-1, %%r10\n mov $-1, %%r11\n"
      :
      :
      : "xmm0",
        "xmm1",
        "xmm2",
        "xmm3",
        "xmm4",
        "xmm5",
        "xmm6",
        "xmm7",
        "xmm8",
        "xmm9",
        "xmm10",
        "xmm11",
        "xmm12",
        "xmm13",
        "xmm14",
        "xmm15",
        "r8",
        "r9",
        "r10",
        "r11",
        "memory");
  errno = ERANGE;
  shared()->calls = shared()->calls + 1;
  return a + 10 * b + 100 * c + 1000 * d + 10'000 * e + 100'000 * f + (sum < 0 ? 1 : 0);
}

extern "C" uint64_t vtn_test_errno_location() { return reinterpret_cast<uint64_t>(&errno); }

extern "C" uint64_t vtn_test_slow(uint64_t ms) {
  shared()->is_within = 1;
  const uint64_t end_ns = monotonic_ns() + ms * 1'000'000;
  while (monotonic_ns() < end_ns) {
    sleep_ms(1);
  }
  shared()->is_within = 0;
  shared()->finished = shared()->finished + 1;
  return vtn_test_disturb(1, 2, 3, 4, 5, 6);
}

extern "C" uint64_t vtn_test_crash(uint64_t address) {
  return *reinterpret_cast<volatile uint64_t*>(address);
}

extern "C" [[gnu::noinline]] void vtn_test_passed() { asm volatile("" ::: "memory"); }

// Keeps something in registers, vector registers and the red zone for a while; whether it is there
// still.
[[gnu::noinline]] bool is_all_kept() {
  constexpr uint64_t kValue = 0x1234'5678'9abc'def0;
  const uint64_t before[2] = {kValue, ~kValue};
  uint64_t after[8] = {};
  uint64_t scalar = kValue;
  uint32_t steps = 300'000;
  asm volatile(
      "sub $256, %%rsp\n"
      "movdqu (%[before]), %%xmm0\n movdqu (%[before]), %%xmm6\n movdqu (%[before]), %%xmm15\n"
      "mov %[scalar], %%r8\n mov %[scalar], %%r11\n mov %[scalar], %%rax\n"
      "mov %[scalar], -8(%%rsp)\n mov %[scalar], -128(%%rsp)\n"
      "1: dec %[steps]\n jnz 1b\n"
      "movdqu %%xmm0, (%[after])\n movdqu %%xmm6, 16(%[after])\n movdqu %%xmm15, 32(%[after])\n"
      "mov -8(%%rsp), %%rdx\n mov %%rdx, 48(%[after])\n"
      "mov -128(%%rsp), %%rdx\n mov %%rdx, 56(%[after])\n"
      "and %%r8, %[scalar]\n and %%r11, %[scalar]\n and %%rax, %[scalar]\n"
      "add $256, %%rsp\n"
      : [scalar] "+r"(scalar), [steps] "+r"(steps)
      : [before] "r"(before), [after] "r"(after)
      // All vector registers: what is wanted must not be kept in one meanwhile.
      : "rax",
        "rdx",
        "r8",
        "r11",
        "xmm0",
        "xmm1",
        "xmm2",
        "xmm3",
        "xmm4",
        "xmm5",
        "xmm6",
        "xmm7",
        "xmm8",
        "xmm9",
        "xmm10",
        "xmm11",
        "xmm12",
        "xmm13",
        "xmm14",
        "xmm15",
        "memory",
        "cc");
  const uint64_t wanted[8] = {kValue, ~kValue, kValue, ~kValue, kValue, ~kValue, kValue, kValue};
  return scalar == kValue && memcmp(after, wanted, sizeof(wanted)) == 0;
}

// The upper halves of vector registers, which are saved in another way.
[[gnu::noinline, gnu::target("avx")]] bool is_upper_half_kept() {
  const uint64_t before[4] = {1, 2, 3, 4};
  uint64_t after[4] = {};
  uint32_t steps = 300'000;
  asm volatile(
      "vmovdqu (%[before]), %%ymm7\n 1: dec %[steps]\n jnz 1b\n vmovdqu %%ymm7, (%[after])\n"
      "vzeroupper\n"
      : [steps] "+r"(steps)
      : [before] "r"(before), [after] "r"(after)
      : "xmm0",
        "xmm1",
        "xmm2",
        "xmm3",
        "xmm4",
        "xmm5",
        "xmm6",
        "xmm7",
        "xmm8",
        "xmm9",
        "xmm10",
        "xmm11",
        "xmm12",
        "xmm13",
        "xmm14",
        "xmm15",
        "memory",
        "cc");
  return after[0] == 1 && after[1] == 2 && after[2] == 3 && after[3] == 4;
}

// Looks again and again; 1: something was not kept, 2: errno was not.
int compute_until_stopped(bool and_look_at_errno) {
  (void)signal(SIGUSR1, [](int) {
    shared()->signals = shared()->signals + 1;
    shared()->signals_within = shared()->signals_within + shared()->is_within;
  });
  const bool has_upper_halves = __builtin_cpu_supports("avx") != 0;
  errno = EDOM;
  shared()->ready = 1;
  while (shared()->stop == 0) {
    if (!is_all_kept() || (has_upper_halves && !is_upper_half_kept())) {
      return 1;
    }
    if (and_look_at_errno && errno != EDOM) {
      return 2;
    }
  }
  return 0;
}

int compute_with_errno() { return compute_until_stopped(true); }

void keep_errno(HeldThread& thread) {
  const auto address = thread.call(address_of(vtn_test_errno_location), {}, soon());
  REQUIRE(address.has_value());
  REQUIRE(thread.keep_errno(*address).has_value());
}

// One call of all six arguments; everything is let go of afterwards.
void call_once(const Child& child) {
  auto thread = hold(child);
  REQUIRE(thread.has_value());
  keep_errno(*thread);
  const auto result = thread->call(address_of(vtn_test_disturb), {1, 2, 3, 4, 5, 6}, soon());
  REQUIRE(result.has_value());
  CHECK(*result == 654'321);
  thread->let_go();
  CHECK(thread->held_ns() > 0);
}

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
