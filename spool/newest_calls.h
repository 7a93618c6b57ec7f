// SPDX-License-Identifier: Apache-2.0
//
// Which frames of events may go so that the newest of each process are kept that hold at least so
// many entries: calls and marks. Thread-bound.
//
//   frames of a process, by their place in the file    [ surplus ...... | newest ............ ]
//                                                         may go           N entries or a few more
#pragma once

#include <deque>
#include <map>
#include <vector>

#include <stdint.h>

#include "spool/free_space.h"
#include "spool/model.h"

namespace vtn::spool {

class NewestCalls {
 public:
  struct Frame {
    FilePart part;
    uint32_t calls;
    uint32_t marks;
  };

  // As long as less than `worth_bytes` of a process may go, it need not.
  NewestCalls(uint64_t least_entries, uint64_t worth_bytes)
      : least_entries_(least_entries), worth_bytes_(worth_bytes) {}

  // A frame was appended, which holds the newest entries of the process. True: so much may go that
  // it is worth the work.
  bool add(uint32_t process, const Frame& frame);
  // What may go of it, oldest first: it goes.
  std::vector<Frame> take(uint32_t process);
  // What is gone is told there; returns where it was told before.
  FilePart told(uint32_t process, const FilePart& where);
  // Processes of which something may go.
  std::vector<uint32_t> with_surplus() const;

 private:
  struct Process {
    std::deque<Frame> frames;
    size_t surplus = 0;  // of the frames
    uint64_t surplus_bytes = 0;
    uint64_t newest_entries = 0;
    FilePart told = {0, 0};
  };

  uint64_t least_entries_;
  uint64_t worth_bytes_;
  std::map<uint32_t, Process> processes_;
};

}  // namespace vtn::spool
