// SPDX-License-Identifier: Apache-2.0
#include "collector/call_budget.h"

#include <algorithm>

#include "abi/event_abi.h"
#include "base/freestanding/atomic.h"

namespace vtn::collector {

CallBudget::CallBudget(uint64_t most_calls, uint64_t second_ticks, const tracer::Arena& arena)
    : most_calls_(most_calls),
      second_ticks_(std::max<uint64_t>(second_ticks, 1)),
      arena_(arena),
      switched_off_(load_relaxed(&arena.control->switched_off)) {}

void CallBudget::add(uint32_t slot,
                     const CallAssembler::Chunk& chunk,
                     const FunctionTraits& traits,
                     Counts& counts) {
  uint64_t base = chunk.base_ticks;
  uint64_t second = base / second_ticks_;
  uint64_t next_ticks = (second + 1) * second_ticks_;
  for (size_t i = 0; i < chunk.words.size() && chunk.words[i] != 0; ++i) {
    const uint64_t word = chunk.words[i];
    if (event_kind(word) == EventKind::kOpcode) {
      if (event_opcode(word) == Opcode::kResync && i + 1 < chunk.words.size()) {
        base = chunk.words[i + 1];
      }
      i += event_payload_words(word);
      continue;
    }
    const uint64_t ticks = base + event_delta(word);
    uint32_t id = event_id(word);
    if (event_kind(word) != EventKind::kEnter || ticks > chunk.latest_ticks || id < kFirstNameId) {
      continue;
    }
    const uint32_t of_function = traits.of(id);
    if ((of_function & spool::kOpenPython) == 0) {
      continue;
    }
    id -= (of_function & spool::kOpenResumed) != 0 ? 1 : 0;
    if (ticks >= next_ticks || ticks < next_ticks - second_ticks_) {
      spend(slot, second, counts);
      second = ticks / second_ticks_;
      next_ticks = (second + 1) * second_ticks_;
    }
    if (id >= counts.calls.size()) {
      counts.calls.resize(size_t{id} + 1);
    }
    if (counts.calls[id]++ == 0) {
      counts.ids.push_back(id);
    }
  }
  spend(slot, second, counts);
}

void CallBudget::spend(uint32_t slot, uint64_t second, Counts& counts) {
  MutexLock lock(mutex_);
  Functions& functions = functions_[slot];
  for (const uint32_t id : counts.ids) {
    const uint64_t calls = counts.calls[id];
    counts.calls[id] = 0;
    Function& function = functions[id];
    Second& sum = function.seconds[second & 1];
    if (function.off || sum.number > second) {
      continue;  // a chunk that is late by more than a second
    }
    if (sum.number != second) {
      sum = {second, 0};
    }
    sum.calls += calls;
    if (sum.calls > most_calls_) {
      function.off = true;
      switch_off(slot, id);
    }
  }
  counts.ids.clear();
}

void CallBudget::switch_off(uint32_t slot, uint32_t id) {
  if (switched_off_ >= kMaxSwitchedOff) {
    return;  // it goes on being recorded
  }
  SwitchedOff* const entry = &arena_.switched_off[switched_off_];
  store_relaxed(&entry->slot, slot);
  store_relaxed(&entry->id, id);
  // Release: who sees the number sees the entry.
  store_release(&arena_.control->switched_off, ++switched_off_);
}

void CallBudget::ended(uint32_t slot) {
  MutexLock lock(mutex_);
  functions_.erase(slot);
}

}  // namespace vtn::collector
