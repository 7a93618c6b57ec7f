// SPDX-License-Identifier: Apache-2.0
//
// A few threads that share out a piece of work and are all done when run() returns. For work that
// comes in many small rounds: the threads stay.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "base/mutex.h"
#include "base/threads.h"

namespace vtn {

class Crew {
 public:
  // `members` includes the caller of run(): 1 starts no thread. There are fewer where no more
  // threads can be started; the caller is always one.
  explicit Crew(unsigned members);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  unsigned members() const { return static_cast<unsigned>(threads_.size()) + 1; }

  // Calls work(job, member) for every job below `jobs`, on any member, each member one at a time.
  void run(size_t jobs, const std::function<void(size_t job, unsigned member)>& work);

 private:
  void serve(unsigned member);
  void take_jobs(unsigned member);

  Mutex mutex_;
  Condition changed_;
  uint64_t round_ VTN_GUARDED_BY(mutex_) = 0;
  unsigned busy_ VTN_GUARDED_BY(mutex_) = 0;
  bool over_ VTN_GUARDED_BY(mutex_) = false;
  const std::function<void(size_t, unsigned)>* work_ = nullptr;  // fixed during a round
  size_t jobs_ = 0;                                              // likewise
  std::atomic<size_t> next_{0};
  std::vector<Thread> threads_;
};

}  // namespace vtn
