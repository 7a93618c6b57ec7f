// SPDX-License-Identifier: Apache-2.0
//
// A place in a thread's timeline that goes forward and backward by calls. Every move says how it
// went; an error leaves the cursor where it was. Thread-bound.
#pragma once

#include <optional>

#include <stdint.h>

#include "base/result.h"
#include "debugger/timeline.h"

namespace vtn::debugger {

enum class Went {
  kThere,        // as asked
  kToEnd,        // there was nothing more of the kind: it is behind the thread's last op
  kToBeginning,  // ... before its first one
  kNowhere,      // it was there already
};

class Cursor {
 public:
  explicit Cursor(Timeline& timeline) : timeline_(&timeline) {}

  Timeline& timeline() const { return *timeline_; }
  uint64_t place() const { return place_; }
  // The time it is at, since the recording's zero: of the op before the place, or one that was
  // asked for and lies before the next op.
  uint64_t now_ns() const { return now_ns_; }

  // An op: into the call that begins, or out of the one that ends.
  Result<Went> step();
  Result<Went> step_back();
  // Likewise, but over a call that begins, or backwards over one that has ended.
  Result<Went> next();
  Result<Went> next_back();
  // Behind the end of the call at a level, to its caller; before its begin. Where nothing is open
  // they are next() and next_back().
  Result<Went> leave(uint32_t level);
  Result<Went> leave_back(uint32_t level);
  // To the next call that the innermost open one makes from a line above `line`, or behind its end.
  Result<Went> until(uint32_t line);
  // Behind an op.
  Status go_behind(uint64_t op);
  Status go(uint64_t place);
  // To a time since zero, which stays the time until it moves.
  Status go_to_time(uint64_t ns);

 private:
  Result<Went> to_end();
  Result<Went> to_beginning();

  Timeline* timeline_;
  uint64_t place_ = 0;
  uint64_t now_ns_ = 0;
};

}  // namespace vtn::debugger
