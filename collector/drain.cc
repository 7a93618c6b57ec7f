// SPDX-License-Identifier: Apache-2.0
#include "collector/drain.h"

#include <algorithm>
#include <optional>
#include <string>

#include <string.h>

#include "abi/names_abi.h"
#include "base/freestanding/atomic.h"
#include "collector/drain_parts.h"
#include "spool/clock_map.h"
#include "tracer/clock.h"

namespace vtn::collector {

namespace {

// Clocks of two processors may differ by a little; no event can be later than that.
constexpr uint64_t kFutureTicks = uint64_t{1} << 20;
// Passes for which a chunk waits for the one before it, which may have been missed by a moment.
constexpr uint32_t kPatience = 3;
constexpr double kBusyFill = 0.75;
// Of a process, calls that are to be dropped take no more than one part in so many.
constexpr uint64_t kRoomOfDropped = 16;

// Event words, which their owner may be adding to. In order, and each with acquire: where a note's
// head has arrived, so has its payload. memcpy reads the end first where it likes.
void copy_event_words(uint64_t* to, const uint64_t* from, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    to[i] = load_acquire(&from[i]);
  }
}

}  // namespace

Drain::Drain(const tracer::Arena& arena,
             ClockKind clock,
             spool::Writer& spool,
             ProcessProbe& probe,
             bool compress,
             unsigned threads,
             const session::CallLimits& limits)
    : arena_(arena),
      clock_(clock),
      spool_(spool),
      compress_(compress),
      tick_step_(spool.model().header.tick_step),
      limits_(limits),
      chains_(arena, clock, spool, probe),
      ending_(kMaxProcesses),
      crew_(threads) {
  for (unsigned member = 0; member < crew_.members(); ++member) {
    scratch_.push_back(std::make_unique<Scratch>());
  }
  if (limits_.newest_calls != 0) {
    const uint64_t most = limits_.most_spool_bytes == 0 ? UINT64_MAX : limits_.most_spool_bytes;
    spool_.keep_newest(limits_.newest_calls,
                       std::min(spool::Writer::kWorthBytes, most / kRoomOfDropped));
  }
  if (limits_.most_spool_bytes != 0) {
    size_limit_ = std::make_unique<SizeLimit>(limits_.most_spool_bytes, spool_.model());
  }
}

Drain::~Drain() = default;

void Drain::resume() {
  const spool::Model& model = spool_.model();
  recycle_ = false;
  chains_.resume();
  for (const spool::ImageInfo& image : model.images) {
    if (image.slot >= kMaxProcesses || chains_.known_image(image.slot) != image.image) {
      continue;
    }
    auto process = std::make_unique<Process>();
    process->image = image.image;
    for (uint32_t id = 0; id < image.function_of_id.size(); ++id) {
      if (const spool::FunctionInfo* function = image.function(id)) {
        process->traits.set(id, function->kind, function->flags);
      }
    }
    processes_[image.slot] = std::move(process);
  }
  for (const spool::ThreadInfo& info : model.threads) {
    const auto found = processes_.find(model.images[info.image].slot);
    if (found == processes_.end() || found->second->image != info.image) {
      continue;
    }
    std::unique_ptr<Thread> thread = new_thread();
    std::vector<spool::OpenCall> open = info.open;
    for (spool::OpenCall& call : open) {
      call.traits = static_cast<uint8_t>(found->second->traits.of(call.id));
    }
    thread->tid = info.tid;
    thread->assembler.resume(info.last_ticks, open);
    if (thread->filter) {
      thread->filter->resume(open);
    }
    thread->next_sequence = info.next_sequence;
    thread->left_frameless = limits_.filter() || size_limit_ != nullptr;
    found->second->threads[info.thread] = std::move(thread);
  }
}

double Drain::ticks_per_ns() {
  if (!ticks_per_ns_) {
    ticks_per_ns_ = spool::measured_ticks_per_ns(clock_, spool_.model().clock);
  }
  return *ticks_per_ns_;
}

uint64_t Drain::min_ticks() {
  return limits_.min_duration_ns == 0
             ? 0
             : static_cast<uint64_t>(static_cast<double>(limits_.min_duration_ns) * ticks_per_ns());
}

std::unique_ptr<Drain::Thread> Drain::new_thread() {
  auto thread = std::make_unique<Thread>(tick_step_);
  if (limits_.filter()) {
    thread->filter.emplace(limits_, min_ticks());
  }
  return thread;
}

Drain::Process* Drain::process_of(uint32_t slot) {
  if (const auto found = processes_.find(slot); found != processes_.end()) {
    return found->second.get();
  }
  const uint32_t image = chains_.image_of(slot);
  if (image == kNoImage) {
    return nullptr;  // nobody's: the header is not what a tracer writes
  }
  auto process = std::make_unique<Process>();
  process->image = image;
  return (processes_[slot] = std::move(process)).get();
}

void Drain::list_chunks(std::vector<Found>& events, std::vector<Found>& names, bool owned_too) {
  uint64_t in_use = 0;
  uint64_t in_all = 0;
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    const ChunkClass& range = arena_.geometry.classes[c];
    const uint64_t bytes = uint64_t{kSmallestChunkBytes} << c;
    in_all += bytes * range.count;
    for (uint32_t i = 0; i < range.count; ++i) {
      const ChunkHeader& header = arena_.headers[range.first_chunk + i];
      // Acquire: pairs with finish_chunk's release, so a full chunk's words are all there.
      const uint64_t owner = load_acquire(&header.owner);
      const ChunkState state = chunk_state(owner);
      if (state == ChunkState::kAbsent) {
        break;  // memory is provided front to back
      }
      if (state != ChunkState::kOwned && state != ChunkState::kFull) {
        continue;
      }
      in_use += bytes;
      // Acquire: pairs with claim_chunk's release of the kind, which is written last. Before it is
      // there, the rest of the header is its owner's to write.
      const uint32_t kind = load_acquire(&header.kind);
      Found found = {range.first_chunk + i, chunk_process(owner), chunk_thread(owner)};
      found.full = state == ChunkState::kFull;
      const bool is_names = kind == static_cast<uint32_t>(ChunkKind::kNames);
      if (!is_names && kind != static_cast<uint32_t>(ChunkKind::kEvents)) {
        if (found.full || ending(found.slot)) {
          give_back(found);  // its owner died between the claim and the kind; or it is scribbled on
        }
        continue;
      }
      found.sequence = load_relaxed(&header.sequence);
      found.tid = load_relaxed(&header.tid);
      found.base_ticks = load_relaxed(&header.base_ticks);
      if (is_names) {
        names.push_back(found);
      } else if (found.full || owned_too || ending(found.slot)) {
        events.push_back(found);
      }
    }
  }
  fill_ = in_all == 0 ? 0 : static_cast<double>(in_use) / static_cast<double>(in_all);
}

void Drain::processes_died(std::vector<uint32_t> numbers) {
  died_.insert(died_.end(), numbers.begin(), numbers.end());
}

Drain::Pass Drain::pass() {
  Pass found;
  // Whatever a process has begun before it died is noted before its end.
  found.processes = chains_.look();
  for (const uint32_t number : std::exchange(died_, {})) {
    chains_.process_ended(number);
    found.processes = true;
  }
  found.chunks = take(false);
  return found;
}

void Drain::take_rest() {
  (void)chains_.look();
  for (const uint32_t number : std::exchange(died_, {})) {
    chains_.process_ended(number);
  }
  chains_.end_all();
  recycle_ = false;  // the owners may live
  (void)take(true);
  processes_.clear();
}

bool Drain::take(bool all) {
  const std::vector<EndedImage> ended = chains_.take_ended();
  for (const EndedImage& image : ended) {
    ending_[image.slot] = 1;
  }
  std::vector<Found> events;
  std::vector<Found> names;
  list_chunks(events, names, all);
  if (!events.empty()) {
    // Once more: a chunk of names may have been claimed behind the scan's back.
    std::vector<Found> ignored;
    names.clear();
    list_chunks(ignored, names, all);
  }
  drain_names(names, all);
  drain_events(events, all);
  store_all_left_out(all);
  for (const EndedImage& image : ended) {
    end_image(image);
    ending_[image.slot] = 0;
  }
  return !events.empty();
}

void Drain::drain_names(std::vector<Found>& names, bool all) {
  std::sort(names.begin(), names.end(), [](const Found& a, const Found& b) {
    return std::pair(a.slot, a.sequence) < std::pair(b.slot, b.sequence);
  });
  for (const Found& found : names) {
    Process* process = process_of(found.slot);
    if (process != nullptr) {
      drain_names_chunk(*process, found);
    }
    if (found.full || all || ending(found.slot)) {
      if (process != nullptr) {
        process->names_done.erase(found.chunk);
      }
      give_back(found);
    }
  }
}

void Drain::drain_names_chunk(Process& process, const Found& found) {
  const uint32_t count = arena_.chunk_bytes(found.chunk) / sizeof(uint64_t);
  uint32_t& done = process.names_done[found.chunk];
  const uint64_t* words = arena_.words(found.chunk);
  uint64_t* const copy = scratch_[0]->copy.get();
  uint32_t copied = 0;
  while (done < count) {
    // Acquire: once a record's head is there, so is the record. What lies behind the last may be
    // half written, and is left alone.
    const uint64_t head = load_acquire(&words[done]);
    const uint32_t length = name_record_words(head);
    if (head == 0) {
      break;
    }
    if (length < 2 || length > count - done) {
      process.damaged = true;
      done = count;  // nothing behind it can be found
      break;
    }
    uint64_t* const record = copy + copied;
    record[0] = head;
    memcpy(record + 1, words + done + 1, (length - 1) * sizeof(uint64_t));
    if (name_record_type(head) == NameRecord::kFunction &&
        length > sizeof(FunctionRecord) / sizeof(uint64_t)) {
      FunctionRecord function;
      memcpy(&function, record + 1, sizeof(function));
      if (function.id <= kMaxNameId) {
        process.traits.set(function.id, function.kind, function.flags);
      }
    }
    done += length;
    if (name_record_type(head) == NameRecord::kThread) {
      continue;  // its frames of events say all of it
    }
    if (name_record_type(head) == NameRecord::kThreadName) {
      const std::string_view bytes(reinterpret_cast<const char*>(record), length * sizeof(head));
      (void)spool_.append_thread_name(process.image, record[1] & UINT32_MAX, bytes);  // its key
      continue;
    }
    copied += length;
  }
  if (copied != 0) {
    const spool::NamesFrame frame = {process.image, 0};
    (void)spool_.append_struct(
        spool::FrameKind::kNames,
        frame,
        std::string_view(reinterpret_cast<const char*>(copy), copied * sizeof(uint64_t)));
  }
}

void Drain::drain_events(std::vector<Found>& events, bool all) {
  std::sort(events.begin(), events.end(), [](const Found& a, const Found& b) {
    return std::tuple(a.slot, a.thread, a.sequence) < std::tuple(b.slot, b.thread, b.sequence);
  });
  std::vector<Group> groups;
  for (size_t at = 0; at < events.size();) {
    const Found& first = events[at];
    size_t end = at + 1;
    while (end < events.size() && events[end].slot == first.slot &&
           events[end].thread == first.thread) {
      ++end;
    }
    if (Process* process = process_of(first.slot)) {
      std::unique_ptr<Thread>& thread = process->threads[first.thread];
      if (!thread) {
        thread = new_thread();
        thread->tid = first.tid;
      }
      groups.push_back(Group{process, thread.get(), &first, events.data() + end});
    } else {
      for (; at < end; ++at) {
        give_back(events[at]);
      }
    }
    at = end;
  }
  // Where chunks are given back, their owners live and heed it.
  if (limits_.most_calls != 0 && recycle_ && budget_ == nullptr && !groups.empty()) {
    constexpr double kSecondNs = 1e9;
    budget_ = std::make_unique<CallBudget>(
        limits_.most_calls, static_cast<uint64_t>(kSecondNs * ticks_per_ns()), arena_);
  }
  crew_.run(groups.size(), [&](size_t job, unsigned member) {
    drain_group(groups[job], all || ending(groups[job].begin->slot), *scratch_[member]);
  });
  for (const Group& group : groups) {
    if (group.thread->ended) {
      forget_thread(*group.process, group.begin->thread);
    }
  }
}

void Drain::drain_group(const Group& group, bool all, Scratch& scratch) {
  Thread& thread = *group.thread;
  for (const Found* found = group.begin; found != group.end; ++found) {
    if (found->sequence > thread.next_sequence && !all && ++thread.waited <= kPatience) {
      return;  // and so do those behind it
    }
    drain_chunk(group, *found, scratch);
    give_back(*found);
  }
}

void Drain::drain_chunk(const Group& group, const Found& found, Scratch& scratch) {
  Thread& thread = *group.thread;
  if (found.sequence < thread.next_sequence) {
    return;  // drained before: a recovery finds it again
  }
  const size_t bytes = arena_.chunk_bytes(found.chunk);
  copy_event_words(scratch.copy.get(), arena_.words(found.chunk), bytes / sizeof(uint64_t));
  const uint64_t latest = tracer::read_ticks(clock_) + kFutureTicks;
  spool::EventsFrame& head = scratch.columns.head;
  const auto fill_in = [&](uint32_t sequence) {
    head.image = group.process->image;
    head.thread = found.thread;
    head.tid = found.tid;
    head.sequence = sequence;
  };
  if (found.sequence != thread.next_sequence && !std::exchange(thread.left_frameless, false)) {
    thread.assembler.missing(found.base_ticks, latest, scratch.columns);
    fill_in(found.sequence - 1);
    store(thread, scratch);
    thread.damaged = true;
  }
  thread.waited = 0;
  thread.next_sequence = found.sequence + 1;
  CallAssembler::Chunk chunk = {
      {scratch.copy.get(), bytes / sizeof(uint64_t)}, found.base_ticks, latest};
  if (budget_ != nullptr) {
    budget_->add(found.slot, chunk, group.process->traits, scratch.counts);
  }
  if (size_limit_ != nullptr) {
    count_calls(group, bytes);
  }
  if (thread.filter) {
    chunk = thread.filter->filter(chunk, group.process->traits);
  }
  if (thread.assembler.assemble(chunk, group.process->traits, scratch.codes, scratch.columns)) {
    fill_in(found.sequence);
    thread.ended = (head.flags & spool::kEventsThreadEnd) != 0;
    store(thread, scratch);
  }
  if (size_limit_ != nullptr) {
    size_limit_->release(bytes);
  }
  thread.damaged |= thread.assembler.damaged();
}

// A program may have any number of threads in its life.
void Drain::forget_thread(Process& process, uint32_t number) {
  const auto found = process.threads.find(number);
  Thread& thread = *found->second;
  if (thread.filter) {
    add(process.left_out, thread.filter->take_left_out());
  }
  process.discarded_events += thread.discarded_events;
  process.damaged = process.damaged || thread.damaged;
  process.threads.erase(found);
}

// Before a chunk: which functions are counted in it.
void Drain::count_calls(const Group& group, uint64_t bytes) {
  Thread& thread = *group.thread;
  const uint64_t reserved = size_limit_->reserve(bytes);
  auto counted = size_limit_->of(group.process->image, reserved, spool_.bytes_taken());
  if (!thread.filter) {
    if (counted == nullptr) {
      return;
    }
    thread.filter.emplace(limits_, 0);
    const auto open = thread.assembler.open();
    thread.filter->resume({open.begin(), open.end()});
  }
  thread.filter->count(std::move(counted));
}

void Drain::store(Thread& thread, Scratch& scratch) {
  const bool compress = compress_ && fill_ < kBusyFill;
  const std::string_view frame = scratch.encoder.encode(scratch.columns, compress);
  if (!spool_.append_events(scratch.columns, frame)) {
    chunks_discarded_.fetch_add(1, std::memory_order_relaxed);
    thread.discarded_events += scratch.columns.head.ops;
    if (!spool_.failed()) {
      return;  // this frame alone
    }
    // For a recovery as well.
    store_relaxed(&arena_.control->spool_error, static_cast<uint32_t>(spool_.failure()));
    uint32_t state = static_cast<uint32_t>(SessionState::kRecording);
    (void)compare_swap(
        &arena_.control->state, &state, static_cast<uint32_t>(SessionState::kSpoolFull));
  } else if (size_limit_ != nullptr) {
    size_limit_->stored(scratch.columns, spool_.bytes_taken());
  }
}

void Drain::give_back(const Found& found) {
  if (recycle_) {
    tracer::recycle_chunk(arena_, found.chunk);
  }
}

// Nothing more comes of its threads: of the calls that are open, those that have lasted long
// enough.
void Drain::end_calls(Process& process, uint64_t end_ticks) {
  Scratch& scratch = *scratch_[0];
  for (auto& [number, thread] : process.threads) {
    if (!thread->filter) {
      continue;
    }
    const CallAssembler::Chunk chunk = thread->filter->finish(end_ticks, end_ticks);
    if (chunk.words.empty() ||
        !thread->assembler.assemble(chunk, process.traits, scratch.codes, scratch.columns)) {
      continue;
    }
    spool::EventsFrame& head = scratch.columns.head;
    head.image = process.image;
    head.thread = number;
    head.tid = thread->tid;
    head.sequence = thread->next_sequence == 0 ? 0 : thread->next_sequence - 1;
    store(*thread, scratch);
  }
}

// Of calls that are open for ever, what they were called with and what was attached to them.
void Drain::store_open_values(const Process& process) {
  for (const auto& [number, thread] : process.threads) {
    for (const CallAssembler::Told& told : thread->assembler.open_values()) {
      const spool::OpenValuesFrame frame = {
          process.image, number, static_cast<uint32_t>(told.depth), told.arguments};
      if (!told.values.empty()) {
        (void)spool_.append_struct(spool::FrameKind::kOpenArguments, frame, told.values);
      }
      if (!told.named.empty()) {
        (void)spool_.append_struct(spool::FrameKind::kOpenNamedValues, frame, told.named.bytes());
      }
    }
  }
}

void Drain::store_left_out(Process& process) {
  std::string body;
  std::string counted;
  LeftOutById of_all = std::exchange(process.left_out, {});
  for (auto& [number, thread] : process.threads) {
    if (thread->filter) {
      add(of_all, thread->filter->take_left_out());
    }
  }
  write_down(of_all, process.counted_from_ticks, body, counted);
  if (!body.empty()) {
    const spool::LeftOutFrame frame = {process.image, 0};
    (void)spool_.append_struct(spool::FrameKind::kLeftOut, frame, body);
    left_out_bytes_ += body.size();
  }
  if (!counted.empty()) {
    const spool::CountedFrame frame = {process.image, 0};
    (void)spool_.append_struct(spool::FrameKind::kCounted, frame, counted);
  }
}

// From time to time, so that little of it is lost with a collector that is killed.
void Drain::store_all_left_out(bool now) {
  constexpr uint64_t kEveryNs = 1'000'000'000;
  // Where the recording is to stay small, more and more rarely.
  constexpr uint64_t kLeastPart = 16;
  const uint64_t rounds =
      size_limit_ == nullptr ? 1 : 1 + left_out_bytes_ * kLeastPart / limits_.most_spool_bytes;
  const uint64_t time_ns = tracer::monotonic_ns();
  if ((!limits_.filter() && size_limit_ == nullptr) ||
      (!now && time_ns - left_out_stored_ns_ < (kEveryNs << std::min<uint64_t>(rounds - 1, 20)))) {
    return;
  }
  left_out_stored_ns_ = time_ns;
  for (auto& [slot, process] : processes_) {
    store_left_out(*process);
  }
}

void Drain::end_image(const EndedImage& ended) {
  const ProcessSlot& shared = arena_.processes[ended.slot];
  if (const auto found = processes_.find(ended.slot); found != processes_.end()) {
    end_calls(*found->second, ended.end_ticks);
    store_left_out(*found->second);
    store_open_values(*found->second);
  }
  spool::ImageEndFrame frame = {};
  frame.image = ended.image;
  frame.flags = ended.flags;
  frame.end_ticks = ended.end_ticks;
  frame.lost_events = load_relaxed(&shared.lost_events);
  frame.stall_ticks = load_relaxed(&shared.stall_ticks);
  frame.stalls = load_relaxed(&shared.stalls);
  frame.reason = load_relaxed(&shared.reason);
  frame.python_version = load_relaxed(&shared.python_version);
  frame.image_flags = load_relaxed(&shared.flags);
  frame.last_state = load_relaxed(&shared.state);
  if (const auto found = processes_.find(ended.slot); found != processes_.end()) {
    Process& process = *found->second;
    while (!process.threads.empty()) {
      forget_thread(process, process.threads.begin()->first);
    }
    frame.lost_events += process.discarded_events;
    frame.flags |= process.damaged ? spool::kImageDamaged : 0u;
    processes_.erase(found);
  }
  if (size_limit_ != nullptr) {
    size_limit_->ended(ended.image);
  }
  if (budget_ != nullptr) {
    budget_->ended(ended.slot);
  }
  (void)spool_.append_struct(spool::FrameKind::kImageEnd, frame);
  if (recycle_) {
    chains_.free_slot(ended.slot);
  }
}

}  // namespace vtn::collector
