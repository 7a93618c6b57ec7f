// SPDX-License-Identifier: Apache-2.0
//
// Children of a test program that are held and sent on errands. They are forks of it: its functions
// lie where ours lie.
#pragma once

#include <functional>
#include <string>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/held_thread.h"
#include "base/processes.h"
#include "tests/support/catch.h"

namespace vtn::attach {

inline constexpr uint64_t kStopLimitNs = 2'000'000'000;
inline constexpr uint64_t kCallLimitNs = 2'000'000'000;
inline constexpr int kCalls = 20;

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

inline Shared* shared() {
  static auto* page = static_cast<Shared*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return page;
}

template <class Function>
uint64_t address_of(Function* function) {
  return reinterpret_cast<uint64_t>(function);
}

inline uint64_t soon() { return monotonic_ns() + kCallLimitNs; }

inline void sleep_ms(long ms) {
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
      (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
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
  bool has_ended() const { return read_process_stat(pid_)->state == 'Z'; }
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

// Asked for once, in the parent: a child that is killed must not report checks.
inline const ReturnCode& return_code() {
  static const ReturnCode code = [] {
    const auto found = find_return_code(getpid());
    REQUIRE(found.has_value());
    return *found;
  }();
  return code;
}

inline Result<HeldThread> hold(const Child& child) {
  return HeldThread::hold(child.pid(), child.pid(), return_code(), kStopLimitNs);
}

// Tracing is what all of this needs, and a sandbox may refuse it.
inline bool may_trace() {
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
extern "C" [[gnu::noinline]] inline void vtn_test_disturb(uint64_t value) {
  double sum = 0;
  for (int step = 1; step < 50; ++step) {
    sum += sqrt(static_cast<double>(step) + static_cast<double>(value));
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
  errno = sum < 0 ? EDOM : ERANGE;
  shared()->calls = shared()->calls + 1;
}

extern "C" inline void vtn_test_slow(uint64_t ms) {
  shared()->is_within = 1;
  const uint64_t end_ns = monotonic_ns() + ms * 1'000'000;
  while (monotonic_ns() < end_ns) {
    sleep_ms(1);
  }
  shared()->is_within = 0;
  shared()->finished = shared()->finished + 1;
  vtn_test_disturb(ms);
}

// Until `stop`; no more than kSpinBytes of code.
inline constexpr uint64_t kSpinBytes = 512;
extern "C" [[gnu::noinline]] inline void vtn_test_spin(volatile int* stop) {
  while (*stop == 0) {
    asm volatile("pause");
  }
}

// Keeps something in registers, vector registers and the red zone for a while; whether it is there
// still.
[[gnu::noinline]] inline bool is_all_kept() {
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
[[gnu::noinline, gnu::target("avx")]] inline bool is_upper_half_kept() {
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
inline int compute_until_stopped(bool and_look_at_errno) {
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

inline int compute_with_errno() { return compute_until_stopped(true); }

inline void wait_for(volatile int& number, int wanted) {
  for (int look = 0; look < 5000 && number != wanted; ++look) {
    sleep_ms(1);
  }
  REQUIRE(number == wanted);
}

}  // namespace vtn::attach
