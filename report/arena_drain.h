// SPDX-License-Identifier: Apache-2.0
//
// Takes what traced processes have written out of the arena and puts it into the spool. All of the
// arena is hostile memory: it is copied before it is looked at, and any value is possible.
//
//   a pass:  note new processes  ->  list full chunks  ->  drain names  ->  drain the listed chunks
//
// A record of a name is published before its id is used, so names drained after the chunks were
// listed hold every id in them. Thread-bound; inside a pass the chunks of different threads are
// drained in parallel.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/call_assembly.h"
#include "report/crew.h"
#include "report/frame_codec.h"
#include "report/spool_writer.h"
#include "tracer/arena.h"

namespace vtn {

// A process slot that came into use.
struct NewProcess {
  uint32_t slot;
  uint32_t image;  // kNoImage: it runs untraced
  uint32_t pid;
  UntracedReason reason;
  uint32_t python_version;
};
inline constexpr uint32_t kNoImage = 0xffff'ffff;

class ArenaDrain {
 public:
  // Arena and spool are borrowed. `compress` may be false where there is no processor to spare.
  // `threads` drain, the caller's included.
  ArenaDrain(
      const Arena& arena, ClockKind clock, SpoolWriter& spool, bool compress, unsigned threads = 1);
  ~ArenaDrain();

  // Goes on with images and threads that the spool's model already knows.
  void resume();

  // Drains what is full. Returns the chunks taken.
  size_t pass();
  // The process is gone: takes all its chunks, then frees its slot. Nobody else may free it.
  void process_ended(uint32_t slot);
  // The end: takes full chunks, and of all processes that are left what they have written so far.
  // The arena is not to be drained afterwards.
  void take_rest();

  // Since the last call.
  std::vector<NewProcess> take_new_processes() { return std::exchange(new_processes_, {}); }

  uint64_t chunks_discarded() const {
    return chunks_discarded_.load(std::memory_order_relaxed);
  }  // the spool's disk is full
  // How much of the arena holds something, as of the last pass: 0 to 1.
  double fill() const { return fill_; }

 private:
  struct Thread;
  struct Process;
  struct Found;
  struct Scratch;
  struct Group;

  void note_processes();
  void list_chunks(std::vector<Found>& events,
                   std::vector<Found>& names,
                   bool owned_too,
                   uint32_t only_slot);
  void drain_names(std::vector<Found>& names, bool all);
  void drain_names_chunk(Process& process, const Found& found);
  void drain_events(std::vector<Found>& events, bool all);
  void drain_group(const Group& group, bool all, Scratch& scratch);
  void drain_chunk(const Group& group, const Found& found, Scratch& scratch);
  void give_back(const Found& found);
  void store(Thread& thread, Scratch& scratch);
  void end_image(Process& process, uint32_t slot, uint32_t flags);
  Process* process_of(uint32_t slot);

  const Arena& arena_;
  const ClockKind clock_;
  SpoolWriter& spool_;
  const bool compress_;
  const uint32_t tick_step_;
  bool recycle_ = true;
  double fill_ = 0;
  std::atomic<uint64_t> chunks_discarded_{0};
  uint32_t next_image_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<Process>> processes_;  // by slot
  std::vector<NewProcess> new_processes_;
  std::vector<uint8_t> untraced_noted_;
  std::vector<std::unique_ptr<Scratch>> scratch_;  // by member of the crew
  Crew crew_;
};

}  // namespace vtn
