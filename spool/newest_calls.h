// SPDX-License-Identifier: Apache-2.0
//
// Which frames of events may go so that the newest of each process are kept that hold at least so
// many calls. Thread-bound.
//
//   frames of a process, by their place in the file    [ surplus ...... | newest ............ ]
//                                                         may go           N calls or a few more
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
  explicit NewestCalls(uint64_t least_calls) : least_calls_(least_calls) {}

  // A frame was appended, which holds the newest calls of the process. True: so much may go that it
  // is worth the work.
  bool add(uint32_t process, const FrameInfo& frame);
  // What may go of it, oldest first: it goes.
  std::vector<FilePart> take(uint32_t process);
  // What is gone is told there; returns where it was told before.
  FilePart told(uint32_t process, const FilePart& where);
  // Processes of which something may go.
  std::vector<uint32_t> with_surplus() const;

 private:
  struct Frame {
    FilePart part;
    uint32_t calls;
  };
  struct Process {
    std::deque<Frame> frames;
    size_t surplus = 0;  // of the frames
    uint64_t surplus_bytes = 0;
    uint64_t newest_calls = 0;
    FilePart told = {0, 0};
  };

  uint64_t least_calls_;
  std::map<uint32_t, Process> processes_;
};

}  // namespace vtn::spool
