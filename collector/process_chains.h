// SPDX-License-Identifier: Apache-2.0
//
// Makes processes of slots. Each program that is started, forked or begun anywhere in the tree
// leaves a slot in the control page; here they get numbers, are put together to processes and are
// written to the spool.
//
//   START   something is to be started    -> a StartFrame, once it is known of whom; freed
//   FORKED  a child of a fork             -> an image of a new process
//   IMAGE   a program after an exec       -> an image; it ends the one before it in its process
//
// A *process* is a chain of images with one pid. Whether the next image of a pid belongs to it or
// to another process that got the same pid is told by the exec that was announced, else by the
// kernel. Slots are hostile memory: they are copied before they are looked at, all fields may lie.
// Thread-bound.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "collector/process_probe.h"
#include "spool/writer.h"
#include "tracer/arena.h"

namespace vtn::collector {

inline constexpr uint32_t kNoImage = 0xffff'ffff;

// An image that is over: its chunks are to be taken, then the slot is to be freed.
struct EndedImage {
  uint32_t slot;
  uint32_t image;
  uint32_t flags;  // ImageEndFlag
  uint64_t end_ticks;
};

class ProcessChains {
 public:
  // All are borrowed.
  ProcessChains(const tracer::Arena& arena,
                ClockKind clock,
                spool::Writer& spool,
                ProcessProbe& probe);

  // Goes on with what the spool's model already knows.
  void resume();
  // Looks at every slot in use. True: there was something new.
  bool look();
  // The image whose slot that is; notes it if nobody has. kNoImage: a slot that nobody may use.
  uint32_t image_of(uint32_t slot);
  uint32_t known_image(uint32_t slot) const { return slots_[slot].image; }
  // The process has died, as the probe says: what it ran last is over. If nobody has said how, its
  // parent may be about to: it waits for its child and then tells the child's slot. Until then, for
  // a second at most, a later look() ends it.
  void process_ended(uint32_t process);
  // Recording is over: says of all that have not ended what they are.
  void end_all();
  // Images that ended since the last call, in order.
  std::vector<EndedImage> take_ended() { return std::exchange(ended_, {}); }
  // Makes a slot claimable again. Nobody else may.
  void free_slot(uint32_t slot);

  uint32_t slots_in_use() const { return slots_in_use_; }

 private:
  struct Slot {
    uint32_t state = 0;  // as last seen
    uint32_t image = kNoImage;
    uint32_t process = spool::kNoProcess;
  };
  struct Process {
    uint32_t pid = 0;  // as the recorder sees it
    uint64_t key = 0;
    uint32_t parent = spool::kNoProcess;
    uint32_t before = spool::kNoProcess;  // the last process that had the same key
    bool ended = false;
    uint64_t start_ticks = 0;
    uint64_t program_ticks = 0;   // when its current program began; 0: there was no exec so far
    std::vector<uint32_t> slots;  // of its current image
    std::vector<uint32_t> execs;  // slots of starts by exec that have not come to anything so far
    std::string arguments;        // of its current image
    bool arguments_cut = false;   // they may go on
  };
  struct Fresh {
    uint32_t slot;
    ProcessSlot copy;
  };
  // Dead, and how it died may still be told.
  struct Untold {
    uint32_t process;
    ProcessFate fate;
    uint64_t until_ns;
  };

  void note(uint32_t slot, const ProcessSlot& copy);
  void note_start(uint32_t slot, const ProcessSlot& copy);
  uint32_t note_image(uint32_t slot, const ProcessSlot& copy);
  void write_start(const ProcessSlot& copy, uint32_t process, uint32_t parent);
  void write_start_past_us(const Process& process, uint32_t number, const ProcessFate& fate);
  bool exec_is_under_way(const Process& process) const;
  void note_leaving(const Process& process) const;
  void settle_execs(Process& process, uint32_t number, uint64_t before_ticks);
  uint32_t add_process(const ProcessSlot& copy, uint32_t parent, SeenProcess& seen);
  uint32_t latest(uint64_t key, uint64_t ticks) const;
  uint32_t find_parent(const ProcessSlot& copy) const;
  uint32_t find_ancestor(uint32_t pid) const;
  bool precedes(const ProcessSlot& image, const Process& process) const;
  bool goes_on_with(const Process& process, uint32_t number, const ProcessSlot& image) const;
  void end_images(Process& process, uint32_t flags, uint64_t end_ticks);
  void end_process(uint32_t number, const ProcessFate& fate);
  bool may_be_told(const Process& process) const;
  bool end_told();
  void free_claims_of(uint64_t key);
  std::string title_of(const Process& process, const std::string& command_line) const;
  uint64_t key_of(const ProcessSlot& copy, uint32_t pid) const;

  const tracer::Arena& arena_;
  const ClockKind clock_;
  spool::Writer& spool_;
  ProcessProbe& probe_;
  uint32_t own_namespace_ = 0;
  uint32_t next_image_ = 0;
  uint32_t slots_in_use_ = 0;
  uint32_t slots_claimed_ = 0;  // as of the last look
  std::vector<Slot> slots_;
  std::vector<Process> processes_;                 // by number
  std::unordered_map<uint64_t, uint32_t> by_key_;  // namespace and own pid -> the last process
  std::vector<EndedImage> ended_;
  std::vector<Untold> untold_;
  std::vector<Fresh> fresh_;
};

}  // namespace vtn::collector
