// SPDX-License-Identifier: Apache-2.0
//
// Keeps the spool below a size (--max_size). Each time half of the room that was left is used up,
// the functions that had most of the calls since the last time are counted from there on: the
// filter of their threads leaves their calls out (collector/call_filter.h). Where a chunk might not
// fit any more, so are all functions, and all marks; until much of the room has come back, as it
// does where old calls are dropped (spool/newest_calls.h). Thread-safe.
//
//   |............................|..............|.......|...|.|   most bytes
//                                ^ some are counted    ^   ^ ^ all are
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include <stdint.h>

#include "base/mutex.h"
#include "spool/columns.h"
#include "spool/model.h"

namespace vtn::collector {

// Functions of an image, by id. Immutable once it is handed out.
class CountedFunctions {
 public:
  bool has(uint32_t id) const { return all_ || (id < ids_.size() && ids_[id]); }
  void add(uint32_t id) {
    if (id >= ids_.size()) {
      ids_.resize(size_t{id} + 1);
    }
    ids_[id] = true;
  }
  void add_all() { all_ = true; }
  bool all() const { return all_; }

 private:
  bool all_ = false;
  std::vector<bool> ids_;
};

class SizeLimit {
 public:
  // Goes on after what the model knows: of a recording that is begun, nothing.
  SizeLimit(uint64_t most_bytes, const spool::Model& model);

  // A chunk will be stored, in no more than so many bytes. Returns what is reserved in all: it is
  // asked for before it is read how much the spool has taken, so that of two threads one sees what
  // the other is about to store.
  uint64_t reserve(uint64_t bytes) { return bytes + reserved_.fetch_add(bytes); }
  void release(uint64_t bytes) { reserved_.fetch_sub(bytes); }
  // What is counted of an image from here on; null: nothing.
  std::shared_ptr<const CountedFunctions> of(uint32_t image,
                                             uint64_t reserved_bytes,
                                             uint64_t taken_bytes);
  // A frame is in the spool, which has `taken_bytes`.
  void stored(const spool::FrameColumns& frame, uint64_t taken_bytes);
  // Nothing more comes of an image.
  void ended(uint32_t image);

 private:
  struct Image {
    std::map<uint32_t, uint64_t> calls;  // by id, since the last decision
    std::shared_ptr<const CountedFunctions> counted;
  };

  uint64_t half_way(uint64_t taken_bytes) const;
  void decide() VTN_REQUIRES(mutex_);
  static void count(Image& image, const std::vector<uint32_t>& ids);

  const uint64_t most_bytes_;
  std::atomic<uint64_t> reserved_{0};
  Mutex mutex_;
  bool all_ VTN_GUARDED_BY(mutex_) = false;
  uint64_t all_from_bytes_ VTN_GUARDED_BY(mutex_) = 0;  // taken, when all came to be counted
  uint64_t next_decision_bytes_ VTN_GUARDED_BY(mutex_);
  std::map<uint32_t, Image> images_ VTN_GUARDED_BY(mutex_);
  const std::shared_ptr<const CountedFunctions> everything_;
};

}  // namespace vtn::collector
