// SPDX-License-Identifier: Apache-2.0
//
// Leaves calls out of a thread's events before they are assembled: those that are over too soon
// (--min_duration), that lie too deep (--max_stack_depth), that are or lie below a call of an
// excluded function (--exclude_subtree), or whose function is counted (--max_size). What is left
// out is counted, by function. What a counted function calls stays. Where all functions are
// counted, marks are as well, by their names. What the program attached to a call that is left out
// becomes a mark.
//
//   open calls   [ told ............ | not yet ......... | silent ........ ]   innermost on the
//   right
//                  passed on           may turn out        below a limit:
//                                      too short           never passed on
//
// A call is passed on when it has lasted long enough, at the stamp it began at: what happened since
// then was below it, and shorter, so the order holds. Ends find their calls as call assembly does
// (call_assembly.h), among all that are open: so neither ends too many nor stacks that interleave
// make a difference. Of one thread; any words do no harm.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <stdint.h>

#include "collector/call_assembly.h"
#include "collector/size_limit.h"
#include "session/settings.h"
#include "spool/format.h"

namespace vtn::collector {

// What was left out of a function's calls.
struct LeftOut {
  uint64_t calls = 0;  // or marks of that name
  uint64_t ticks = 0;  // from their begins to their ends; one that lies within another counts again
  uint64_t counted_from_ticks = UINT64_MAX;  // the first that was, as its function is counted
};
using LeftOutById = std::unordered_map<uint32_t, LeftOut>;
void add(LeftOutById& to, const LeftOutById& more);
// Appends it to the bodies of a kLeftOut and a kCounted frame. `counted_from_ticks` by id: since
// when, as frames before have told.
void write_down(const LeftOutById& left_out,
                std::unordered_map<uint32_t, uint64_t>& counted_from_ticks,
                std::string& left_out_body,
                std::string& counted_body);

class CallFilter {
 public:
  // `min_ticks`: shorter calls are left out; 0: none is.
  CallFilter(const session::CallLimits& limits, uint64_t min_ticks)
      : min_ticks_(min_ticks), max_depth_(limits.max_stack_depth) {}

  // Goes on after what was recorded before: for recovery.
  void resume(const std::vector<spool::OpenCall>& open);

  // Functions whose calls are counted from here on.
  void count(std::shared_ptr<const CountedFunctions> counted) { counted_ = std::move(counted); }

  // What is left of the chunk; valid until the next call.
  CallAssembler::Chunk filter(const CallAssembler::Chunk& chunk, const FunctionTraits& traits);

  // Nothing follows: of what is open, what has lasted long enough by `ticks`. What is counted is.
  CallAssembler::Chunk finish(uint64_t ticks, uint64_t latest_ticks);

  // What was left out since the last time.
  LeftOutById take_left_out() { return std::exchange(left_out_, {}); }

 private:
  struct Call {
    uint64_t start_ticks;
    uint32_t id;
    uint32_t traits;
    uint32_t line;  // of the caller; 0: not known
    bool counted;   // never passed on
  };

  void put(uint64_t ticks, EventKind kind, uint32_t id);
  void put_opcode(uint64_t ticks, const uint64_t* words, uint32_t payload);
  void rebase(uint64_t ticks);
  void tell(uint64_t now_ticks);
  void begin(uint64_t ticks, uint32_t id, uint32_t traits);
  void end(uint64_t ticks, EventKind kind, uint32_t id);
  void leave_out(const Call& call, uint64_t end_ticks);
  void leave_out_mark(uint32_t name, uint64_t ticks);
  void close_down_to(size_t depth, uint64_t ticks);
  void cut_down_to(size_t depth);
  size_t find(uint32_t id) const;
  void note(uint64_t ticks, const uint64_t* words, uint32_t payload);
  void attach_value(uint64_t ticks, const uint64_t* words, uint32_t payload);
  void put_instant(uint64_t ticks, std::vector<uint64_t> words);
  CallAssembler::Chunk result(uint64_t base_ticks, uint64_t latest_ticks) const;

  uint64_t min_ticks_;
  uint32_t max_depth_;
  std::shared_ptr<const CountedFunctions> counted_;  // null: none
  std::vector<Call> open_;                           // outermost first
  size_t counted_open_ = 0;                          // of them
  size_t told_ = 0;
  size_t silent_from_ = SIZE_MAX;  // the outermost call that is silent
  uint64_t last_ticks_ = 0;        // of the last begin or end that fitted
  std::vector<uint64_t> words_;
  uint64_t base_ticks_ = 0;  // of what is put
  uint32_t next_line_ = 0;   // a note told that of the next call
  bool next_line_known_ = false;
  // Notes of values: of the next call, of the next end, and of calls that are not told so far (by
  // their place among the open ones; innermost last).
  std::vector<uint64_t> next_arguments_;
  std::vector<uint64_t> next_value_;
  std::deque<std::pair<size_t, std::vector<uint64_t>>> waiting_values_;
  size_t waiting_words_ = 0;                           // in those
  std::unordered_map<uint32_t, uint32_t> lines_;       // by function, as notes of this chunk told
  std::unordered_map<uint32_t, uint32_t> lines_told_;  // as passed on
  LeftOutById left_out_;
};

}  // namespace vtn::collector
