// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <signal.h>

namespace vtn {

Crew::Crew(unsigned members) {
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, &before);
  for (unsigned member = 1; member < members; ++member) {
    threads_.emplace_back([this, member] { serve(member); });
  }
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Crew::~Crew() {
  {
    MutexLock lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Crew::take_jobs(unsigned member) {
  // Relaxed: the round's start and end, under the mutex, order what jobs read and write.
  for (size_t job = 0; (job = next_.fetch_add(1, std::memory_order_relaxed)) < jobs_;) {
    (*work_)(job, member);
  }
}

void Crew::serve(unsigned member) {
  uint64_t seen = 0;
  MutexLock lock(mutex_);
  while (!over_) {
    if (round_ == seen) {
      changed_.wait(mutex_);
      continue;
    }
    seen = round_;
    mutex_.unlock();
    take_jobs(member);
    mutex_.lock();
    if (--busy_ == 0) {
      changed_.notify_all();
    }
  }
}

void Crew::run(size_t jobs, const std::function<void(size_t job, unsigned member)>& work) {
  work_ = &work;
  jobs_ = jobs;
  next_.store(0, std::memory_order_relaxed);
  const bool alone = threads_.empty() || jobs < 2;
  if (!alone) {
    MutexLock lock(mutex_);
    busy_ = static_cast<unsigned>(threads_.size());
    ++round_;
    changed_.notify_all();
  }
  take_jobs(0);
  if (!alone) {
    MutexLock lock(mutex_);
    while (busy_ != 0) {
      changed_.wait(mutex_);
    }
  }
}

}  // namespace vtn
