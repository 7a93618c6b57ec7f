// SPDX-License-Identifier: Apache-2.0
//
// Puts memory behind the arena's chunks and the process slots ahead of need, front to back per
// class. The files are sparse; a chunk becomes claimable only once fallocate(2) has succeeded for
// all of it, so a full /dev/shm is an error here and never a SIGBUS in the program.
#pragma once

#include <stdint.h>

#include "base/result.h"
#include "tracer/arena.h"

namespace vtn::session {

class ArenaProvision {
 public:
  // `provided` of each class is read from the chunk headers, so that a collector can go on where
  // the launcher stopped. Both arguments are borrowed for the object's life.
  ArenaProvision(const tracer::Arena& arena, int arena_fd);

  // Provides chunks of the class until `count` have memory (or all of them). An error (ENOSPC)
  // leaves what was provided before in use and marks the provision exhausted.
  Status provide(uint32_t chunk_class, uint32_t count);

  // The launcher's share before the program starts: about 2 MiB over all classes. Chunk headers
  // first: they are allocated whole.
  Status provide_first();

  // Keeps at least a quarter of what is provided per class free, doubling the class when it is
  // not, within the arena. Cheap when there is nothing to do. Collector's drain loop.
  Status top_up();

  uint32_t provided(uint32_t chunk_class) const { return provided_[chunk_class]; }
  uint64_t provided_bytes() const;
  bool exhausted() const { return exhausted_; }  // the file system is full: no more is tried

 private:
  const tracer::Arena& arena_;
  int arena_fd_;
  uint32_t provided_[kChunkClasses] = {};
  bool exhausted_ = false;
};

// The same for the process slots of the control file: a process that finds no slot is recorded
// nowhere, so there are always as many free ones as are in use.
class SlotProvision {
 public:
  // Before the program starts: what is provided is read from the control page. Both are borrowed.
  SlotProvision(const tracer::Arena& arena, int control_fd);

  // An error (ENOSPC) leaves what there is in use, and nothing more is tried.
  Status top_up(uint32_t slots_in_use);

  uint32_t provided() const { return provided_; }

 private:
  const tracer::Arena& arena_;
  int control_fd_;
  uint32_t provided_;
  bool exhausted_ = false;
};

}  // namespace vtn::session
