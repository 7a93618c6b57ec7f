// SPDX-License-Identifier: Apache-2.0
#include "report/in_order.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <vector>

#include <errno.h>

#include "base/crew.h"
#include "base/mutex.h"
#include "base/threads.h"
#include "report/frame_reader.h"

namespace vtn::report {

namespace {

// The frames of each thread, in order.
std::vector<std::vector<uint32_t>> frames_by_thread(const spool::Model& model) {
  std::vector<std::vector<uint32_t>> frames(model.threads.size());
  for (uint32_t i = 0; i < model.frames.size(); ++i) {
    frames[model.frames[i].thread].push_back(i);
  }
  return frames;
}

class Run {
 public:
  Run(const spool::Reader& spool,
      unsigned workers,
      const Progress& progress,
      const ThreadPasses& passes)
      : spool_(spool),
        progress_(progress),
        passes_(passes),
        frames_(frames_by_thread(spool.model())),
        crew_(std::max(1u, std::min(workers, static_cast<unsigned>(frames_.size())))),
        readers_(crew_.members()) {
    for (const spool::FrameInfo& frame : spool.model().frames) {
      total_ += frame.calls;
    }
  }

  Status run() {
    // The longest first: the last one to end is then a short one.
    std::vector<uint32_t> order(frames_.size());
    for (uint32_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    std::stable_sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
      return frames_[a].size() > frames_[b].size();
    });
    crew_.run(order.size(), [&](size_t job, unsigned member) {
      if (!failed_.load(std::memory_order_relaxed)) {
        note(run_thread(order[job], member));
      }
    });
    MutexLock lock(mutex_);
    return error_ ? Status(tl::unexpected<Error>(*error_)) : Status();
  }

 private:
  Status run_thread(uint32_t thread, unsigned member) {
    const spool::Model& model = spool_.model();
    const std::unique_ptr<ThreadPass> pass = passes_.begin(thread);
    for (const uint32_t i : frames_[thread]) {
      const spool::FrameInfo& info = model.frames[i];
      VTN_TRY(readers_[member].read(
          spool_, info, [&](const spool::DecodedFrame& frame) { return pass->take(info, frame); }));
      done_.fetch_add(info.calls, std::memory_order_relaxed);
      if (failed_.load(std::memory_order_relaxed)) {
        return {};
      }
      // Member 0 is the thread that asked.
      if (member == 0 && progress_ && !progress_(done_.load(std::memory_order_relaxed), total_)) {
        return fail("given up", ECANCELED);
      }
    }
    passes_.end(thread, *pass);
    return {};
  }

  void note(const Status& status) {
    if (!status) {
      MutexLock lock(mutex_);
      if (!error_) {
        error_ = status.error();
      }
      failed_.store(true, std::memory_order_relaxed);
    }
  }

  const spool::Reader& spool_;
  const Progress& progress_;
  const ThreadPasses& passes_;
  const std::vector<std::vector<uint32_t>> frames_;  // by thread
  Crew crew_;
  std::vector<FrameReader> readers_;  // by member
  uint64_t total_ = 0;                // calls
  std::atomic<uint64_t> done_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  std::optional<Error> error_ VTN_GUARDED_BY(mutex_);
};

}  // namespace

Status pass_in_order(const spool::Reader& spool,
                     unsigned workers,
                     const Progress& progress,
                     const ThreadPasses& passes) {
  return Run(spool, workers != 0 ? workers : worker_count(), progress, passes).run();
}

}  // namespace vtn::report
