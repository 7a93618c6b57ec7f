// SPDX-License-Identifier: Apache-2.0
//
// Threads of the launcher's processes. Starting one may fail (RLIMIT_NPROC, a cgroup's pids.max):
// an error here, where std::thread would end the process. All signals are blocked in them.
#pragma once

#include <functional>
#include <memory>

#include <pthread.h>

#include "base/result.h"

namespace vtn {

// Joined by its destructor.
class Thread {
 public:
  // Runs `body` on a thread of its own. It must not outlive what it refers to.
  static Result<Thread> start(std::function<void()> body);

  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { join(); }

  // Returns when the body has. Once is enough.
  void join();

 private:
  explicit Thread(pthread_t handle) : handle_(handle), running_(true) {}

  pthread_t handle_ = {};
  bool running_ = false;
};

// Whether a signal that is blocked, in all threads, has been sent to the process.
bool is_pending(int signal);

// How many threads are worth starting: the processors this process may use, 1 to 16.
unsigned worker_count();

}  // namespace vtn
