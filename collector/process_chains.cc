// SPDX-License-Identifier: Apache-2.0
#include "collector/process_chains.h"

#include <algorithm>

#include <string.h>
#include <sys/wait.h>

#include "base/freestanding/atomic.h"
#include "tracer/clock.h"

namespace vtn::collector {

namespace {

constexpr int kMostAncestors = 16;  // steps up the kernel's tree to a process that is known
// A parent that has waited for its child needs a moment to say how that ended: it may have to wait
// for a processor.
constexpr uint64_t kToldNs = 1'000'000'000;

ProcessSlot copy_of(const ProcessSlot& shared) {
  ProcessSlot copy;
  memcpy(&copy, &shared, sizeof(copy));
  copy.text_bytes = std::min<uint32_t>(copy.text_bytes, VTN_SLOT_TEXT_BYTES);
  return copy;
}

std::string_view text_of(const ProcessSlot& copy) { return {copy.text, copy.text_bytes}; }

// Behind the executable.
std::string_view arguments_of(std::string_view text) {
  const size_t end = text.find('\0');
  return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}

std::string_view without_nuls(std::string_view text) {
  while (!text.empty() && text.back() == '\0') {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

ProcessChains::ProcessChains(const tracer::Arena& arena,
                             ClockKind clock,
                             spool::Writer& spool,
                             ProcessProbe& probe)
    : arena_(arena), clock_(clock), spool_(spool), probe_(probe), slots_(kMaxProcesses) {
  own_namespace_ = own_pid_namespace();
  next_image_ = static_cast<uint32_t>(spool.model().images.size());
}

uint64_t ProcessChains::key_of(const ProcessSlot& copy, uint32_t pid) const {
  const uint32_t where = copy.pid_namespace == own_namespace_ ? 0 : copy.pid_namespace;
  return (static_cast<uint64_t>(where) << 32) | pid;
}

void ProcessChains::resume() {
  const spool::Model& model = spool_.model();
  processes_.resize(model.process_ends.size());
  for (uint32_t number = 0; number < processes_.size(); ++number) {
    processes_[number].ended = model.process_ends[number].known &&
                               (model.process_ends[number].flags & spool::kProcessDied) != 0;
  }
  const auto know = [&](uint32_t number, uint32_t pid, uint64_t key, uint64_t start_ticks) {
    Process& process = processes_[number];
    if (process.pid == 0) {
      process.pid = pid;
      process.key = key;
      process.start_ticks = start_ticks;
      const auto [found, first] = by_key_.try_emplace(key, number);
      if (!first && found->second != number) {
        process.before = std::exchange(found->second, number);
      }
    }
  };
  for (const spool::ImageInfo& image : model.images) {
    ProcessSlot named = {};
    if (image.slot < kMaxProcesses) {
      // Ended or not: a collector may have died after it noted the end. What counts is that the
      // slot is still this image's.
      const ProcessSlot& shared = arena_.processes[image.slot];
      if (load_relaxed(&shared.pid) == image.own_pid &&
          load_relaxed(&shared.start_ticks) == image.slot_start_ticks &&
          load_relaxed(&shared.state) != VTN_SLOT_UNUSED) {
        named = copy_of(shared);
        slots_[image.slot] = {named.state, image.image, image.process};
        processes_[image.process].slots.push_back(image.slot);
        processes_[image.process].arguments = arguments_of(text_of(named));
      }
    }
    know(image.process, image.pid, key_of(named, image.own_pid), image.start_ticks);
    if (image.kind == SlotKind::kImage) {
      uint64_t& program_ticks = processes_[image.process].program_ticks;
      program_ticks = std::max(program_ticks, image.start_ticks);
    }
  }
  for (const spool::StartInfo& start : model.starts) {
    if (start.process != spool::kNoProcess) {
      know(start.process, start.pid, start.pid, start.ticks);
    }
  }
}

bool ProcessChains::look() {
  const uint32_t used = std::min(load_acquire(&arena_.control->process_high_water), kMaxProcesses);
  bool anything = false;
  slots_in_use_ = 0;
  slots_claimed_ = 0;
  fresh_.clear();
  for (uint32_t slot = 0; slot < used; ++slot) {
    // Acquire: pairs with the release that publishes what has been filled in.
    const uint32_t state = load_acquire(&arena_.processes[slot].state);
    if (state == VTN_SLOT_UNUSED) {
      continue;
    }
    ++slots_in_use_;
    Slot& known = slots_[slot];
    slots_claimed_ += state == VTN_SLOT_CLAIMED ? 1 : 0;
    if (state == VTN_SLOT_CLAIMED || state == known.state) {
      continue;
    }
    anything = true;
    if (known.state == VTN_SLOT_UNUSED) {
      fresh_.push_back({slot, copy_of(arena_.processes[slot])});
    } else if (state == VTN_SLOT_WITHDRAWN && known.image == kNoImage) {
      if (known.process != spool::kNoProcess) {
        std::erase(processes_[known.process].execs, slot);
      }
      free_slot(slot);
      continue;
    }
    known.state = state;
  }
  // Parents before children, an exec's announcement before its image.
  std::sort(fresh_.begin(), fresh_.end(), [](const Fresh& a, const Fresh& b) {
    return std::pair(a.copy.start_ticks, a.slot) < std::pair(b.copy.start_ticks, b.slot);
  });
  for (const Fresh& fresh : fresh_) {
    note(fresh.slot, fresh.copy);
  }
  return end_told() || anything;
}

void ProcessChains::note(uint32_t slot, const ProcessSlot& copy) {
  if (copy.state == VTN_SLOT_WITHDRAWN) {
    free_slot(slot);
  } else if (copy.kind == VTN_SLOT_START) {
    note_start(slot, copy);
  } else {
    (void)note_image(slot, copy);
  }
}

uint32_t ProcessChains::image_of(uint32_t slot) {
  if (slot >= kMaxProcesses) {
    return kNoImage;
  }
  Slot& known = slots_[slot];
  if (known.image == kNoImage && known.state == VTN_SLOT_UNUSED) {
    const ProcessSlot copy = copy_of(arena_.processes[slot]);
    if (copy.state != VTN_SLOT_UNUSED && copy.state != VTN_SLOT_WITHDRAWN &&
        copy.kind != VTN_SLOT_START) {
      known.state = copy.state;
      return note_image(slot, copy);
    }
  }
  return known.image;
}

// The last process of that key that had begun by then.
uint32_t ProcessChains::latest(uint64_t key, uint64_t ticks) const {
  const auto found = by_key_.find(key);
  uint32_t number = found == by_key_.end() ? spool::kNoProcess : found->second;
  while (number != spool::kNoProcess && processes_[number].start_ticks > ticks &&
         processes_[number].before != spool::kNoProcess) {
    number = processes_[number].before;
  }
  return number;
}

uint32_t ProcessChains::find_parent(const ProcessSlot& copy) const {
  return copy.parent_pid == 0 ? spool::kNoProcess
                              : latest(key_of(copy, copy.parent_pid), copy.start_ticks);
}

// Between a process and the one of the tree that is behind it may be some that left no slot.
uint32_t ProcessChains::find_ancestor(uint32_t pid) const {
  for (int step = 0; step < kMostAncestors && pid > 1; ++step) {
    if (const auto found = by_key_.find(pid); found != by_key_.end()) {
      return processes_[found->second].ended ? spool::kNoProcess : found->second;
    }
    pid = probe_.parent_of(pid);
  }
  return spool::kNoProcess;
}

uint32_t ProcessChains::add_process(const ProcessSlot& copy, uint32_t parent, SeenProcess& seen) {
  const auto number = static_cast<uint32_t>(processes_.size());
  Process process;
  process.key = key_of(copy, copy.pid);
  process.parent = parent;
  process.start_ticks = copy.start_ticks;
  if (const auto [found, first] = by_key_.try_emplace(process.key, number); !first) {
    process.before = std::exchange(found->second, number);
  }
  processes_.push_back(std::move(process));
  seen = probe_.met(number, copy, parent == spool::kNoProcess ? 0 : processes_[parent].pid);
  processes_[number].pid = seen.pid != 0 ? seen.pid : copy.pid;
  return number;
}

void ProcessChains::note_start(uint32_t slot, const ProcessSlot& copy) {
  if (copy.pid == copy.parent_pid && copy.pid != 0) {
    // By exec: it may fail still, and only then says so. Kept until it is clear.
    uint32_t number = latest(key_of(copy, copy.pid), copy.start_ticks);
    if (number == spool::kNoProcess || processes_[number].ended) {
      SeenProcess seen;
      number = add_process(copy, spool::kNoProcess, seen);
    }
    if (processes_[number].program_ticks > copy.start_ticks) {
      write_start(copy, number, number);  // the look that found its image had missed it
      free_slot(slot);
      return;
    }
    processes_[number].execs.push_back(slot);
    slots_[slot].process = number;
    return;
  }
  const uint32_t parent = find_parent(copy);
  uint32_t number = spool::kNoProcess;
  if (copy.pid != 0) {
    const auto found = by_key_.find(key_of(copy, copy.pid));
    number = found == by_key_.end() ? spool::kNoProcess : found->second;
    // Its image may have been here first; one that was there before the call is another process.
    if (number == spool::kNoProcess || processes_[number].start_ticks < copy.start_ticks) {
      SeenProcess seen;
      number = add_process(copy, parent, seen);
    }
  }
  write_start(copy, number, parent);
  free_slot(slot);
}

void ProcessChains::write_start(const ProcessSlot& copy, uint32_t process, uint32_t parent) {
  spool::StartFrame frame = {};
  frame.process = process;
  frame.parent_process = parent;
  frame.parent_tid = copy.parent_tid;
  frame.reason = copy.reason;
  frame.ticks = copy.start_ticks;
  frame.text_bytes = copy.text_bytes;
  frame.pid = process == spool::kNoProcess ? copy.pid : processes_[process].pid;
  (void)spool_.append_struct(spool::FrameKind::kStart, frame, text_of(copy));
}

// Nobody announced it, and it is clear that it was started.
void ProcessChains::write_start_past_us(const Process& process,
                                        uint32_t number,
                                        const ProcessFate& fate) {
  const std::string text = fate.executable + '\0' + fate.command_line;
  spool::StartFrame frame = {};
  frame.process = frame.parent_process = number;
  frame.reason = VTN_UNTRACED_PAST_US;
  frame.ticks = std::max({fate.past_us_ticks, process.start_ticks, process.program_ticks}) + 1;
  frame.text_bytes = std::min<uint32_t>(static_cast<uint32_t>(text.size()), VTN_SLOT_TEXT_BYTES);
  frame.pid = process.pid;
  (void)spool_.append_struct(
      spool::FrameKind::kStart, frame, std::string_view(text).substr(0, frame.text_bytes));
}

bool ProcessChains::exec_is_under_way(const Process& process) const {
  return !process.execs.empty() ||
         std::any_of(process.slots.begin(), process.slots.end(), [this](uint32_t slot) {
           return load_relaxed(&arena_.processes[slot].exec_ticks) != 0;
         });
}

// It exited, and what we are in says so beforehand: so it was another program by then, or a call
// into the kernel that passed us by.
void ProcessChains::note_leaving(const Process& process) const {
  for (const uint32_t slot : process.slots) {
    ProcessSlot& shared = arena_.processes[slot];
    if (load_relaxed(&shared.state) == VTN_SLOT_PRESENT &&
        load_relaxed(&shared.reason) == VTN_UNTRACED_NONE &&
        (load_relaxed(&shared.flags) & VTN_SLOT_ENDING) == 0) {
      store_relaxed(&shared.reason, uint32_t{VTN_UNTRACED_LEFT});
    }
  }
}

// Of the execs that were announced before, the last one is what happened.
void ProcessChains::settle_execs(Process& process, uint32_t number, uint64_t before_ticks) {
  ProcessSlot last = {};
  for (size_t i = process.execs.size(); i-- > 0;) {
    const uint32_t slot = process.execs[i];
    const ProcessSlot copy = copy_of(arena_.processes[slot]);
    if (copy.start_ticks > before_ticks) {
      continue;
    }
    if (copy.state != VTN_SLOT_WITHDRAWN && copy.start_ticks >= last.start_ticks) {
      last = copy;
    }
    process.execs.erase(process.execs.begin() + static_cast<ptrdiff_t>(i));
    free_slot(slot);
  }
  if (last.state != VTN_SLOT_UNUSED) {
    write_start(last, number, number);
  }
}

// A look takes the slots in turn: it may find the image that an exec led to and miss the one that
// was there before.
bool ProcessChains::precedes(const ProcessSlot& image, const Process& process) const {
  return !process.ended && image.exec_ticks != 0 && image.exec_ticks <= process.program_ticks;
}

bool ProcessChains::goes_on_with(const Process& process,
                                 uint32_t number,
                                 const ProcessSlot& image) const {
  if (process.ended) {
    return false;
  }
  if (process.slots.empty() && process.execs.empty()) {
    return true;  // it is what a start has told of
  }
  if (image.kind == VTN_SLOT_FORKED) {
    return probe_.lives(number);
  }
  for (const uint32_t slot : process.slots) {
    const uint64_t exec_ticks = load_relaxed(&arena_.processes[slot].exec_ticks);
    if (exec_ticks != 0 && exec_ticks <= image.start_ticks) {
      return true;
    }
  }
  for (const uint32_t slot : process.execs) {
    if (load_relaxed(&arena_.processes[slot].start_ticks) <= image.start_ticks) {
      return true;
    }
  }
  return probe_.lives(number);  // an exec that went past us
}

uint32_t ProcessChains::note_image(uint32_t slot, const ProcessSlot& copy) {
  spool::ImageFrame frame = {};
  frame.kind = copy.kind == VTN_SLOT_FORKED ? VTN_SLOT_FORKED : VTN_SLOT_IMAGE;
  const auto found = by_key_.find(key_of(copy, copy.pid));
  uint32_t number = found == by_key_.end() ? spool::kNoProcess : found->second;
  frame.parent_process = find_parent(copy);
  const bool late = number != spool::kNoProcess && precedes(copy, processes_[number]);
  if (late) {
    ended_.push_back({slot, next_image_, spool::kImageDied, copy.exec_ticks});
  } else if (number != spool::kNoProcess && goes_on_with(processes_[number], number, copy)) {
    Process& process = processes_[number];
    if (frame.kind == VTN_SLOT_IMAGE) {
      settle_execs(process, number, copy.start_ticks);
      end_images(process, spool::kImageDied, copy.start_ticks);
      probe_.changed(number);
    }
  } else {
    SeenProcess seen;
    number = add_process(copy, frame.parent_process, seen);
    if (frame.parent_process == spool::kNoProcess) {
      const uint32_t parent_pid =
          seen.parent_pid != 0 ? seen.parent_pid : probe_.parent_of(seen.pid);
      frame.parent_process = find_ancestor(parent_pid);
    }
  }
  Process& process = processes_[number];
  if (!late) {
    process.slots.push_back(slot);
  }
  if (late) {
    process.start_ticks = std::min(process.start_ticks, copy.start_ticks);
  } else if (frame.kind == VTN_SLOT_IMAGE) {
    process.program_ticks = copy.start_ticks;
    process.arguments = arguments_of(text_of(copy));
    process.arguments_cut = copy.text_bytes == VTN_SLOT_TEXT_BYTES;
  } else if (frame.parent_process != spool::kNoProcess && process.arguments.empty()) {
    process.arguments = processes_[frame.parent_process].arguments;
    process.arguments_cut = processes_[frame.parent_process].arguments_cut;
  }
  slots_[slot].image = frame.image = next_image_++;
  slots_[slot].process = frame.process = number;
  frame.pid = process.pid;
  frame.own_pid = copy.pid;
  frame.slot = slot;
  frame.flags = copy.flags;
  frame.parent_pid = copy.parent_pid;
  frame.parent_tid = copy.parent_tid;
  frame.slot_start_ticks = copy.start_ticks;
  frame.start_ticks = std::min(copy.start_ticks, tracer::read_ticks(clock_));
  frame.text_bytes = copy.text_bytes;
  (void)spool_.append_struct(spool::FrameKind::kImage, frame, text_of(copy));
  return frame.image;
}

void ProcessChains::end_images(Process& process, uint32_t flags, uint64_t end_ticks) {
  for (const uint32_t slot : process.slots) {
    const uint64_t exec_ticks = load_relaxed(&arena_.processes[slot].exec_ticks);
    ended_.push_back({slot,
                      slots_[slot].image,
                      flags,
                      exec_ticks != 0 && exec_ticks < end_ticks ? exec_ticks : end_ticks});
  }
  process.slots.clear();
}

// Whether somebody may still say how a process died whose fate the kernel does not know.
bool ProcessChains::may_be_told(const Process& process) const {
  if (process.parent == spool::kNoProcess || processes_[process.parent].ended ||
      process.slots.empty()) {
    return false;
  }
  return std::none_of(process.slots.begin(), process.slots.end(), [this](uint32_t slot) {
    return load_acquire(&arena_.processes[slot].exit_known) != 0;
  });
}

void ProcessChains::process_ended(uint32_t number) {
  if (number >= processes_.size() || processes_[number].ended) {
    return;
  }
  ProcessFate fate = probe_.fate(number);
  if (fate.died && !fate.status_known && may_be_told(processes_[number])) {
    untold_.push_back({number, std::move(fate), tracer::monotonic_ns() + kToldNs});
  } else {
    end_process(number, fate);
  }
}

// True: there are some left, which are to be looked at again soon.
bool ProcessChains::end_told() {
  if (untold_.empty()) {
    return false;
  }
  const uint64_t now_ns = tracer::monotonic_ns();
  std::erase_if(untold_, [&](const Untold& untold) {
    const bool over = now_ns >= untold.until_ns || !may_be_told(processes_[untold.process]);
    if (over) {
      end_process(untold.process, untold.fate);
    }
    return over;
  });
  return true;
}

void ProcessChains::end_all() {
  for (const Untold& untold : std::exchange(untold_, {})) {
    end_process(untold.process, untold.fate);
  }
  for (uint32_t number = 0; number < processes_.size(); ++number) {
    if (!processes_[number].ended) {
      end_process(number, probe_.fate(number));
    }
  }
}

void ProcessChains::end_process(uint32_t number, const ProcessFate& fate) {
  Process& process = processes_[number];
  const uint64_t now = tracer::read_ticks(clock_);
  spool::ProcessEndFrame frame = {};
  frame.process = number;
  frame.flags = fate.died ? spool::kProcessDied : 0u;
  frame.end_ticks = fate.end_ticks != 0 ? fate.end_ticks : now;
  if (fate.died && fate.status_known) {
    frame.flags |= spool::kProcessStatusKnown;
    frame.wait_status = fate.wait_status;
  }
  for (const uint32_t slot : process.slots) {
    const ProcessSlot& shared = arena_.processes[slot];
    // Acquire: the status and the time are there once this says so.
    if (!fate.died || load_acquire(&shared.exit_known) == 0) {
      continue;
    }
    if ((frame.flags & spool::kProcessStatusKnown) == 0) {
      frame.flags |= spool::kProcessStatusKnown;
      frame.wait_status = static_cast<int32_t>(load_relaxed(&shared.exit_status));
    }
    const uint64_t told = load_relaxed(&shared.exit_ticks);
    if (told >= process.start_ticks && told <= frame.end_ticks) {
      frame.flags |= spool::kProcessEndExact;
      frame.end_ticks = told;
    }
  }
  // (Where nothing of ours was in it before, a start has told what it is.)
  const bool past_us =
      fate.past_us_ticks != 0 && !process.slots.empty() && !exec_is_under_way(process);
  const std::string title =
      process.execs.empty() && !past_us ? title_of(process, fate.command_line) : "";
  if (past_us) {
    write_start_past_us(process, number, fate);
  } else if ((frame.flags & spool::kProcessStatusKnown) != 0 && WIFEXITED(frame.wait_status) &&
             !exec_is_under_way(process)) {
    note_leaving(process);
  }
  frame.text_bytes = static_cast<uint32_t>(title.size());
  settle_execs(process, number, UINT64_MAX);
  end_images(process, fate.died ? spool::kImageDied : 0u, frame.end_ticks);
  (void)spool_.append_struct(spool::FrameKind::kProcessEnd, frame, title);
  if (fate.died && slots_claimed_ != 0) {
    free_claims_of(process.key);
  }
  process.ended = true;
  process.arguments = {};
  process.execs = {};
  process.slots = {};
}

// It died while it filled a slot in: nobody will publish that any more.
void ProcessChains::free_claims_of(uint64_t key) {
  const uint32_t used = std::min(load_acquire(&arena_.control->process_high_water), kMaxProcesses);
  for (uint32_t slot = 0; slot < used; ++slot) {
    const ProcessSlot& shared = arena_.processes[slot];
    if (load_acquire(&shared.state) != VTN_SLOT_CLAIMED || slots_[slot].image != kNoImage) {
      continue;
    }
    const ProcessSlot copy = copy_of(shared);
    const uint32_t owner = copy.kind == VTN_SLOT_START ? copy.parent_pid : copy.pid;
    if (owner != 0 && key_of(copy, owner) == key) {
      free_slot(slot);
    }
  }
}

// What a process calls itself, where that is not the command line it was started with.
std::string ProcessChains::title_of(const Process& process, const std::string& command_line) const {
  const std::string_view now = without_nuls(command_line);
  const std::string_view given = without_nuls(process.arguments);
  const bool same = process.arguments_cut ? now.starts_with(given) : now == given;
  if (process.slots.empty() || now.empty() || same) {
    return "";
  }
  std::string title(now);
  std::replace(title.begin(), title.end(), '\0', ' ');
  return title;
}

void ProcessChains::free_slot(uint32_t slot) {
  slots_[slot] = {};
  ProcessSlot& shared = arena_.processes[slot];
  memset(reinterpret_cast<char*>(&shared) + sizeof(shared.state),
         0,
         sizeof(shared) - sizeof(shared.state));
  // Release: pairs with the claim's compare-and-swap, whose winner finds an empty slot.
  store_release(&shared.state, static_cast<uint32_t>(VTN_SLOT_UNUSED));
}

}  // namespace vtn::collector
