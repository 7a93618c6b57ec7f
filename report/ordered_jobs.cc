// SPDX-License-Identifier: Apache-2.0
#include "report/ordered_jobs.h"

#include <algorithm>
#include <vector>

#include <errno.h>

#include "base/mutex.h"
#include "base/threads.h"

namespace vtn::report {

namespace {

// Pieces per worker that may exist at a time: one being made, others waiting for their place.
constexpr size_t kPiecesPerWorker = 3;

struct Piece {
  enum State { kFree, kMaking, kMade, kWriting };
  State state = kFree;
  size_t job = 0;
  uint64_t offset = 0;
  bool placed = false;
  ByteBuffer bytes;
};

class Pool {
 public:
  Pool(const OrderedJobs& jobs, unsigned workers, OutputFile& output)
      : jobs_(jobs), output_(output), offset_(output.size()), pieces_(workers * kPiecesPerWorker) {}

  void work(unsigned worker) {
    MutexLock lock(mutex_);
    while (!failed_ && written_ < jobs_.count) {
      if (Piece* piece = next_to_write()) {
        piece->state = Piece::kWriting;
        const std::string_view bytes = piece->bytes.view();
        const uint64_t offset = piece->offset;
        mutex_.unlock();
        Status status = output_.write_at(bytes, offset);
        mutex_.lock();
        note(std::move(status));
        piece->state = Piece::kFree;
        piece->placed = false;
        ++written_;
        changed_.notify_all();
      } else if (Piece* free = next_job_ < jobs_.count ? free_piece() : nullptr) {
        free->state = Piece::kMaking;
        free->job = next_job_++;
        free->bytes.clear();
        mutex_.unlock();
        Status status = jobs_.make(free->job, worker, free->bytes);
        mutex_.lock();
        note(std::move(status));
        free->state = Piece::kMade;
        place();
        changed_.notify_all();
      } else {
        changed_.wait(mutex_);
      }
    }
    changed_.notify_all();
  }

  // Until all is done, with a look at the progress now and then.
  Status wait() {
    MutexLock lock(mutex_);
    while (!failed_ && written_ < jobs_.count) {
      changed_.wait_for(mutex_, std::chrono::milliseconds(100));
      if (jobs_.progress) {
        const size_t done = written_;
        mutex_.unlock();
        const bool go_on = jobs_.progress(done);
        mutex_.lock();
        if (!go_on) {
          note(fail("given up", ECANCELED));
          changed_.notify_all();
        }
      }
    }
    if (failed_) {
      return tl::unexpected<Error>(error_);
    }
    output_.set_size(offset_);
    return {};
  }

 private:
  // Gives their places to the pieces that follow what has one.
  void place() VTN_REQUIRES(mutex_) {
    for (bool found = true; found;) {
      found = false;
      for (Piece& piece : pieces_) {
        if (piece.state == Piece::kMade && !piece.placed && piece.job == next_place_) {
          piece.placed = true;
          piece.offset = offset_;
          offset_ += piece.bytes.size();
          ++next_place_;
          found = true;
        }
      }
    }
  }

  // A piece with a place; where the output cannot seek, only the one whose turn it is.
  Piece* next_to_write() VTN_REQUIRES(mutex_) {
    for (Piece& piece : pieces_) {
      if (piece.state == Piece::kMade && piece.placed &&
          (output_.seekable() || piece.job == written_)) {
        return &piece;
      }
    }
    return nullptr;
  }

  Piece* free_piece() VTN_REQUIRES(mutex_) {
    for (Piece& piece : pieces_) {
      if (piece.state == Piece::kFree) {
        return &piece;
      }
    }
    return nullptr;
  }

  void note(Status status) VTN_REQUIRES(mutex_) {
    if (!status && !failed_) {
      failed_ = true;
      error_ = status.error();
    }
  }

  const OrderedJobs& jobs_;
  OutputFile& output_;
  Mutex mutex_;
  Condition changed_;
  size_t next_job_ VTN_GUARDED_BY(mutex_) = 0;
  size_t next_place_ VTN_GUARDED_BY(mutex_) = 0;
  size_t written_ VTN_GUARDED_BY(mutex_) = 0;
  uint64_t offset_ VTN_GUARDED_BY(mutex_);
  bool failed_ VTN_GUARDED_BY(mutex_) = false;
  Error error_ VTN_GUARDED_BY(mutex_);
  std::vector<Piece> pieces_ VTN_GUARDED_BY(mutex_);
};

}  // namespace

Status run_ordered(const OrderedJobs& jobs, unsigned workers, OutputFile& output) {
  Pool pool(jobs, workers, output);
  std::vector<Thread> threads;
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto thread = Thread::start([&pool, worker] { pool.work(worker); });
    if (!thread) {
      break;
    }
    threads.push_back(std::move(*thread));
  }
  if (threads.empty()) {
    pool.work(0);
  }
  Status status = pool.wait();
  threads.clear();  // waits for them
  return status;
}

}  // namespace vtn::report
