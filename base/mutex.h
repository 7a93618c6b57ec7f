// SPDX-License-Identifier: Apache-2.0
//
// A lock and a condition that clang's -Wthread-safety understands. std::mutex appears only here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define VTN_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define VTN_THREAD_ANNOTATION(x)
#endif

#define VTN_GUARDED_BY(mutex) VTN_THREAD_ANNOTATION(guarded_by(mutex))
#define VTN_REQUIRES(mutex) VTN_THREAD_ANNOTATION(requires_capability(mutex))

namespace vtn {

class VTN_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() VTN_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() VTN_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

class VTN_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) VTN_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() VTN_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits give the lock back while they sleep. Wake-ups may be spurious: wait in a loop.
class Condition {
 public:
  void wait(Mutex& mutex) VTN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    (void)held.release();
  }
  void wait_for(Mutex& mutex, std::chrono::milliseconds limit) VTN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    (void)condition_.wait_for(held, limit);
    (void)held.release();
  }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace vtn
