// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. Puts calls together that are too short to be drawn one by one, so that a
// report has as many rows as its reader can take, and still tells of every call.
//
//   short   a call that took less than T. Never: one that is pinned, for its end was not seen, it
//           is a gap, or something has its place in it; and whatever lies around such a one. So all
//           that is below a short call is short as well: calls fold with what they called.
//   group   a longest sequence of short calls that follow one another under one kept call, or at
//           the top, each begun less than T after the end of the one before
//   fold    a group; but one call that called nothing stays a call
//
// Calls come as they end: what a call made before the call, and what was before it, earlier. Rows
// leave in that order as well; a group leaves as soon as anything behind it does, for then whatever
// is around that is kept. So what leaves with T can be folded once more with a larger one, with the
// same outcome as if that had been done at once.
//
// Calls are counted by a log of them (call_log.h): what a call made lies right before it there,
// behind what the group around it has already, so to merge costs nothing.
//
// A Sink has
//   void call(uint32_t depth, const CallRow& row)
//   void fold(uint32_t depth, const FoldRow& row)    its list is valid during the call
//   void forget(uint32_t payload)                    of a call that has become part of a fold
//
// Thread-bound.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <stddef.h>

#include "report/fold/call_log.h"
#include "report/fold/row.h"

namespace vtn::report {

// So many instants keep what they lie in, in a report of so many rows.
inline uint64_t most_pins(uint64_t most_rows) { return most_rows / 4; }

template <class Sink>
class Folder {
 public:
  // Functions are numbers below `functions`. T = 0: all calls are kept.
  Folder(Sink& sink, uint64_t short_below_ns, size_t functions)
      : sink_(sink), short_below_ns_(short_below_ns), log_(functions) {}

  // Something has its place at this depth, within the call that is open at the depth above.
  void pin(uint32_t depth) {
    if (depth != 0) {
      level(depth - 1).pinned = true;
    }
  }

  // A call is over. All that it called has come before.
  void call(uint32_t depth, CallRow row) {
    if (short_below_ns_ == 0) {
      sink_.call(depth, row);
      return;
    }
    Group& inner = level(depth + 1).group;
    Level& own = levels_[depth];
    if (own.pinned) {
      own.pinned = false;
      row.flags |= kRowPinned;
    }
    if ((row.flags & kRowPinned) != 0 && depth != 0) {
      levels_[depth - 1].pinned = true;
    }
    if ((row.flags & kRowPinned) != 0 || row.end_ns - row.start_ns >= short_below_ns_) {
      leave_through(depth + 1);
      sink_.call(depth, row);
      return;
    }
    Group& group = make_room(depth, own.group, inner, row.start_ns);
    const bool alone = group.calls == 0 && inner.calls == 0;
    if (!alone) {
      forget(group.only.payload);
      forget(row.payload);
    }
    group.only = alone ? row : CallRow();
    group.busy_ns += row.end_ns - row.start_ns;
    group.calls += 1 + inner.calls;
    group.raised += ((row.flags & kRowRaised) != 0 ? 1 : 0) + inner.raised;
    group.end_ns = row.end_ns;
    forget(inner.only.payload);
    inner = Group();
    log_.add(row.function);
    log_.shorten(group.log);
  }

  // What another Folder, of a smaller T, put together.
  void fold(uint32_t depth, const FoldRow& row) {
    Group& inner = level(depth + 1).group;
    Group& group = make_room(depth, levels_[depth].group, inner, row.start_ns);
    forget(group.only.payload);
    group.only = CallRow();
    group.busy_ns += row.busy_ns;
    group.calls += row.calls;
    group.raised += row.raised;
    group.end_ns = row.end_ns;
    log_.add(row.functions);
    log_.shorten(group.log);
  }

  void forget(uint32_t payload) {
    if (payload != kNoPayload) {
      sink_.forget(payload);
    }
  }

  // The thread is at its end; nothing is open.
  void finish() {
    if (!levels_.empty()) {
      leave_through(static_cast<uint32_t>(levels_.size() - 1));
    }
  }

 private:
  struct Group {
    uint64_t calls = 0;  // 0: there is none
    uint64_t start_ns = 0;
    uint64_t end_ns = 0;
    uint64_t busy_ns = 0;
    uint64_t raised = 0;
    CallLog::Part log;
    CallRow only;  // the call that is all of it
  };
  struct Level {
    Group group;          // of calls at this depth
    bool pinned = false;  // the call that is open at this depth
  };

  Level& level(uint32_t depth) {
    if (depth >= levels_.size()) {
      levels_.resize(depth + 1);
    }
    return levels_[depth];
  }

  // The group that a short call joins which begins then, and whose own calls are `inner`.
  Group& make_room(uint32_t depth, Group& group, Group& inner, uint64_t start_ns) {
    if (group.calls != 0 && start_ns - group.end_ns >= short_below_ns_) {
      leave_through(depth);
    }
    if (group.calls == 0) {
      group.start_ns = start_ns;
      group.log = inner.calls != 0 ? inner.log : CallLog::Part{log_.end()};
      first_group_ = std::min(first_group_, depth);
    }
    return group;
  }

  // The groups of this depth and of those above it, the outermost first: their parts of the log are
  // in front of all others.
  void leave_through(uint32_t depth) {
    for (; first_group_ <= depth && first_group_ < levels_.size(); ++first_group_) {
      Group& group = levels_[first_group_].group;
      if (group.calls != 0) {
        const size_t end = end_in_log(first_group_);
        leave(first_group_, group, end);
        log_.forget_until(end);
      }
    }
  }

  // Where the part of the next group begins.
  size_t end_in_log(uint32_t depth) const {
    for (size_t next = depth + 1; next < levels_.size(); ++next) {
      if (levels_[next].group.calls != 0) {
        return levels_[next].group.log.begin;
      }
    }
    return log_.end();
  }

  void leave(uint32_t depth, Group& group, size_t log_end) {
    if (group.calls == 1) {
      sink_.call(depth, group.only);
    } else {
      sink_.fold(depth,
                 {group.start_ns,
                  group.end_ns,
                  group.busy_ns,
                  group.calls,
                  group.raised,
                  log_.count(group.log.begin, log_end)});
    }
    group = Group();
  }

  Sink& sink_;
  const uint64_t short_below_ns_;
  uint32_t first_group_ = 0;   // above this depth there is none
  std::vector<Level> levels_;  // by depth
  CallLog log_;                // of all groups, the outermost first
};

}  // namespace vtn::report
