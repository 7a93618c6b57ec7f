// SPDX-License-Identifier: Apache-2.0
//
// What Drain keeps of processes and their threads, and what a pass works with. Of drain.cc alone.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include <stdint.h>

#include "collector/call_assembly.h"
#include "collector/call_budget.h"
#include "collector/call_filter.h"
#include "collector/drain.h"
#include "spool/codec.h"
#include "spool/columns.h"

namespace vtn::collector {

struct Drain::Thread {
  explicit Thread(uint32_t tick_step) : assembler(tick_step) {}
  CallAssembler assembler;
  std::optional<CallFilter> filter;  // where calls may be left out
  uint32_t tid = 0;
  uint32_t next_sequence = 0;
  uint32_t waited = 0;  // passes, for a chunk that is missing
  bool damaged = false;
  bool ended = false;             // nothing more comes of it
  bool left_frameless = false;    // by who was killed: chunks of which all was left out
  uint64_t discarded_events = 0;  // drained but not kept
};

struct Drain::Process {
  uint32_t image = 0;
  bool damaged = false;
  FunctionTraits traits;
  std::unordered_map<uint32_t, std::unique_ptr<Thread>> threads;
  std::unordered_map<uint32_t, uint32_t> names_done;  // words, by chunk
  // Of threads that have ended: what was left out and not told of so far, and drained but not kept.
  LeftOutById left_out;
  uint64_t discarded_events = 0;
  // By id, where functions are counted from some time on: since when, as the spool has it.
  std::unordered_map<uint32_t, uint64_t> counted_from_ticks;
};

// A chunk that holds something, as its header said when it was listed.
struct Drain::Found {
  uint32_t chunk;
  uint32_t slot;
  uint32_t thread;
  uint32_t sequence = 0;
  uint32_t tid = 0;
  bool full = false;
  uint64_t base_ticks = 0;
};

// The listed chunks of one thread, in order: one member of the crew takes them all.
struct Drain::Group {
  Process* process;
  Thread* thread;
  const Found* begin;
  const Found* end;
};

// What a member of the crew works with.
struct Drain::Scratch {
  std::unique_ptr<uint64_t[]> copy{new uint64_t[kMaxChunkWords]};
  FunctionCodes codes;
  CallBudget::Counts counts;
  spool::FrameColumns columns;
  spool::FrameEncoder encoder;
};

}  // namespace vtn::collector
