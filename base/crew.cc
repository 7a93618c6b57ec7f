// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

namespace vtn {

Crew::Crew(unsigned members) {
  for (unsigned member = 1; member < members; ++member) {
    auto thread = Thread::start([this, member] { serve(member); });
    if (!thread) {
      break;
    }
    threads_.push_back(std::move(*thread));
  }
}

Crew::~Crew() {
  {
    MutexLock lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }
  threads_.clear();  // waits for them
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
