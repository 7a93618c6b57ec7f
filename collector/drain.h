// SPDX-License-Identifier: Apache-2.0
//
// Takes what traced processes have written out of the arena and puts it into the spool. All of the
// arena is hostile memory: it is copied before it is looked at, and any value is possible.
//
//   a pass:  note processes  ->  list full chunks  ->  drain names  ->  drain the listed chunks
//
// Of a process that has ended, or gone on to another program, all chunks are taken, half-full ones
// too; then its slot is free again.
//
// A record of a name is published before its id is used, so names drained after the chunks were
// listed hold every id in them. Thread-bound; inside a pass the chunks of different threads are
// drained in parallel.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "base/crew.h"
#include "base/result.h"
#include "collector/call_assembly.h"
#include "collector/call_budget.h"
#include "collector/process_chains.h"
#include "collector/size_limit.h"
#include "session/settings.h"
#include "spool/codec.h"
#include "spool/writer.h"
#include "tracer/arena.h"

namespace vtn::collector {

class Drain {
 public:
  // Arena, spool and probe are borrowed. `compress` may be false where there is no processor to
  // spare. `threads` drain, the caller's included. Where there are limits, the spool's first clock
  // triple tells what they are in ticks.
  Drain(const tracer::Arena& arena,
        ClockKind clock,
        spool::Writer& spool,
        ProcessProbe& probe,
        bool compress,
        unsigned threads = 1,
        const session::CallLimits& limits = {});
  ~Drain();

  // Goes on with images and threads that the spool's model already knows.
  void resume();

  // Processes that have died, by number: the next pass ends them.
  void processes_died(std::vector<uint32_t> numbers);
  // What a pass has found.
  struct Pass {
    bool processes = false;  // news of some
    bool chunks = false;     // events
  };
  // Drains what is full.
  Pass pass();
  // The end: takes full chunks, and of all processes that are left what they have written so far.
  // The arena is not to be drained afterwards.
  void take_rest();

  // Taken, but not kept: the spool could not be written on, or they fit nowhere in it.
  uint64_t chunks_discarded() const { return chunks_discarded_.load(std::memory_order_relaxed); }
  uint32_t slots_in_use() const { return chains_.slots_in_use(); }

 private:
  struct Thread;
  struct Process;
  struct Found;
  struct Scratch;
  struct Group;

  void list_chunks(std::vector<Found>& events, std::vector<Found>& names, bool owned_too);
  bool take(bool all);
  void drain_names(std::vector<Found>& names, bool all);
  void drain_names_chunk(Process& process, const Found& found);
  void drain_events(std::vector<Found>& events, bool all);
  void drain_group(const Group& group, bool all, Scratch& scratch);
  void drain_chunk(const Group& group, const Found& found, Scratch& scratch);
  void count_calls(const Group& group, uint64_t bytes);
  static void forget_thread(Process& process, uint32_t number);
  void give_back(const Found& found);
  void store(Thread& thread, Scratch& scratch);
  std::unique_ptr<Thread> new_thread();
  double ticks_per_ns();
  uint64_t min_ticks();
  void end_image(const EndedImage& ended);
  void end_calls(Process& process, uint64_t end_ticks);
  void store_left_out(Process& process);
  void store_open_values(const Process& process);
  void store_all_left_out(bool now);
  bool ending(uint32_t slot) const { return slot < kMaxProcesses && ending_[slot] != 0; }
  Process* process_of(uint32_t slot);

  const tracer::Arena& arena_;
  const ClockKind clock_;
  spool::Writer& spool_;
  const bool compress_;
  const uint32_t tick_step_;
  const session::CallLimits limits_;
  std::optional<double> ticks_per_ns_;
  std::unique_ptr<SizeLimit> size_limit_;  // where there is one
  std::unique_ptr<CallBudget> budget_;     // where there is one, from the first chunk on
  uint64_t left_out_stored_ns_ = 0;        // when what was left out was last written down
  uint64_t left_out_bytes_ = 0;            // so far
  bool recycle_ = true;
  double fill_ = 0;  // how much of the arena held something in the last pass: 0 to 1
  std::atomic<uint64_t> chunks_discarded_{0};
  ProcessChains chains_;
  std::vector<uint32_t> died_;                                        // numbers, for the next pass
  std::vector<uint8_t> ending_;                                       // by slot: its image is over
  std::unordered_map<uint32_t, std::unique_ptr<Process>> processes_;  // by slot
  std::vector<std::unique_ptr<Scratch>> scratch_;                     // by member of the crew
  Crew crew_;
};

}  // namespace vtn::collector
