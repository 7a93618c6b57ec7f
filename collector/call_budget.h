// SPDX-License-Identifier: Apache-2.0
//
// Switches functions off that are called too often (--budget): counts the begins of Python calls in
// each chunk that comes in, and tells the process (control_abi.h: the list) as soon as one second
// held more of a function than it may. Of its own accord a process records what it always did until
// it heeds the list; when that was is in its names (NameRecord::kSwitchedOff).
//
//   seconds of the session's clock   |.....:.....|.....:.....|
//   chunks of the process's threads     [--a--][---b---]         a, b: counted by the begin of each
//                                         [------c------]        call; the last two seconds are
//                                         kept
#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "base/mutex.h"
#include "collector/call_assembly.h"
#include "tracer/arena.h"

namespace vtn::collector {

// Thread-safe. Any words do no harm.
class CallBudget {
 public:
  // `most_calls` of a function in a second of `second_ticks`. Borrows the arena, whose list has
  // memory.
  CallBudget(uint64_t most_calls, uint64_t second_ticks, const tracer::Arena& arena);

  // What a chunk counts into; of one caller, which keeps it.
  struct Counts {
    std::vector<uint32_t> calls;  // by id
    std::vector<uint32_t> ids;    // those that are not 0
  };
  // A chunk of the process in that slot, as it wrote it.
  void add(uint32_t slot,
           const CallAssembler::Chunk& chunk,
           const FunctionTraits& traits,
           Counts& counts);
  // The slot is another process's from here on.
  void ended(uint32_t slot);

 private:
  struct Second {
    uint64_t number = 0;
    uint64_t calls = 0;
  };
  struct Function {
    std::array<Second, 2> seconds;  // by the lowest bit of their number
    bool off = false;
  };
  using Functions = std::unordered_map<uint32_t, Function>;

  void spend(uint32_t slot, uint64_t second, Counts& counts);
  void switch_off(uint32_t slot, uint32_t id) VTN_REQUIRES(mutex_);

  const uint64_t most_calls_;
  const uint64_t second_ticks_;
  const tracer::Arena& arena_;
  Mutex mutex_;
  std::unordered_map<uint32_t, Functions> functions_ VTN_GUARDED_BY(mutex_);  // by slot
  uint32_t switched_off_ VTN_GUARDED_BY(mutex_) = 0;
};

}  // namespace vtn::collector
