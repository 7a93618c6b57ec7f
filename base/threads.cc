// SPDX-License-Identifier: Apache-2.0
#include "base/threads.h"

#include <algorithm>
#include <utility>

#include <sched.h>
#include <signal.h>
#include <unistd.h>

namespace vtn {

namespace {

constexpr int kMostWorkers = 16;

void* run_body(void* argument) {
  const std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

}  // namespace

Result<Thread> Thread::start(std::function<void()> body) {
  auto owned = std::make_unique<std::function<void()>>(std::move(body));
  // Signals are for the thread that was there before; a new one inherits its mask.
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t handle = {};
  const int code = pthread_create(&handle, nullptr, run_body, owned.get());
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (code != 0) {
    return fail_errno("cannot start a thread", code);
  }
  (void)owned.release();  // the thread's
  return Thread(handle);
}

Thread::Thread(Thread&& other) noexcept
    : handle_(other.handle_), running_(std::exchange(other.running_, false)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this != &other) {
    join();
    handle_ = other.handle_;
    running_ = std::exchange(other.running_, false);
  }
  return *this;
}

void Thread::join() {
  if (running_) {
    (void)pthread_join(handle_, nullptr);
    running_ = false;
  }
}

bool is_pending(int signal) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

unsigned worker_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const long count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                                  : sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<unsigned>(std::clamp<long>(count, 1, kMostWorkers));
}

}  // namespace vtn
