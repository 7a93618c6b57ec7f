// SPDX-License-Identifier: Apache-2.0
//
// The model's threads and frames of events: as frames are added, as an index tells them, and as
// frames that were dropped left them.
#include <algorithm>

#include <string.h>

#include "spool/model.h"
#include "spool/varint.h"

namespace vtn::spool {

namespace {

constexpr size_t kMaxThreads = size_t{1} << 24;

uint64_t key_of(uint32_t image, uint32_t thread) {
  return (static_cast<uint64_t>(image) << 32) | thread;
}

ThreadInfo new_thread(const EventsFrame& head) {
  ThreadInfo thread;
  thread.image = head.image;
  thread.thread = head.thread;
  thread.tid = head.tid;
  thread.first_ticks = head.start_ticks;
  thread.last_ticks = head.start_ticks;
  return thread;
}

// `left_open` is innermost first, as in the frame.
void follow(ThreadInfo& thread, const EventsFrame& head, const std::vector<OpenCall>& left_open) {
  thread.open.resize(head.lowest_open);
  thread.open.insert(thread.open.end(), left_open.rbegin(), left_open.rend());
  thread.last_ticks = head.end_ticks;
  if (head.ops != 0) {
    thread.last_op_ticks = head.end_ticks;
  }
  thread.next_sequence = head.sequence + 1;
  thread.calls += head.calls;
  thread.frames += 1;
  thread.stray_ends += head.stray_ends;
  thread.cut_calls += head.cut_calls;
  thread.lost_events += head.lost_events;
  thread.deepest = std::max(thread.deepest, head.deepest);
  thread.ended = (head.flags & kEventsThreadEnd) != 0;
}

void append_thread(std::string& to, const ThreadInfo& thread) {
  for (const uint64_t value : {uint64_t{thread.image},
                               uint64_t{thread.thread},
                               uint64_t{thread.tid},
                               thread.first_ticks,
                               thread.last_ticks - thread.first_ticks,
                               thread.last_op_ticks,
                               thread.calls,
                               thread.frames,
                               thread.stray_ends,
                               thread.cut_calls,
                               thread.lost_events,
                               uint64_t{thread.deepest},
                               uint64_t{thread.next_sequence},
                               uint64_t{thread.ended},
                               uint64_t{thread.open.size()}}) {
    append_varint(to, value);
  }
  for (const OpenCall& call : thread.open) {
    append_varint(to, call.id);
    append_varint(to, (call.traits & kOpenPython) | (uint64_t{call.line} << 1));
    append_varint(to, call.start_ticks);
  }
}

bool read_thread(VarintReader& from, ThreadInfo& thread) {
  thread.image = static_cast<uint32_t>(from.next());
  thread.thread = static_cast<uint32_t>(from.next());
  thread.tid = static_cast<uint32_t>(from.next());
  thread.first_ticks = from.next();
  thread.last_ticks = thread.first_ticks + from.next();
  thread.last_op_ticks = from.next();
  thread.calls = from.next();
  thread.frames = from.next();
  thread.stray_ends = from.next();
  thread.cut_calls = from.next();
  thread.lost_events = from.next();
  thread.deepest = static_cast<uint32_t>(from.next());
  thread.next_sequence = static_cast<uint32_t>(from.next());
  thread.ended = from.next() != 0;
  const uint64_t open = from.next();
  for (uint64_t n = 0; n < open && !from.failed(); ++n) {
    const auto id = static_cast<uint32_t>(from.next());
    const uint64_t python = from.next();
    thread.open.push_back(OpenCall{from.next(),
                                   id,
                                   static_cast<uint8_t>(python & 1),
                                   static_cast<uint32_t>(python >> 1) & kMaxCallerLine});
  }
  return !from.failed() && thread.deepest <= kMaxFrameOps * 2;
}

// Of a thread whose frames are dropped: beside how many calls it made.
bool has_more_to_tell(const ThreadInfo& thread) {
  return !thread.ended || !thread.open.empty() || thread.stray_ends != 0 || thread.cut_calls != 0 ||
         thread.lost_events != 0;
}

// As it is where its first frames are gone: of what they held, there is what they left open.
ThreadInfo after_dropped(const ThreadInfo& dropped) {
  ThreadInfo thread = dropped;
  thread.open_at_first = dropped.open;
  thread.calls = dropped.open.size();
  thread.deepest = static_cast<uint32_t>(dropped.open.size());
  thread.frames = 0;
  thread.last_op_ticks = 0;
  return thread;
}

}  // namespace

bool Model::add_events(const EventsFrame& head,
                       const std::vector<OpenCall>& left_open,
                       uint64_t offset,
                       uint64_t body_bytes) {
  if (head.image >= images.size() || threads.size() >= kMaxThreads) {
    return false;
  }
  const auto gone = dropped.empty() ? dropped.end() : dropped.find(images[head.image].process);
  if (gone != dropped.end() && offset < gone->second.until_offset) {
    return true;  // whoever dropped it did not get to wipe it
  }
  const auto [found, fresh] = thread_index_.try_emplace(key_of(head.image, head.thread),
                                                        static_cast<uint32_t>(threads.size()));
  if (fresh) {
    ThreadInfo& thread = threads.emplace_back(new_thread(head));
    if (gone != dropped.end()) {
      const auto known = gone->second.threads.find({head.image, head.thread});
      thread = known == gone->second.threads.end() ? thread : after_dropped(known->second);
    }
    images[head.image].traced = true;
  }
  ThreadInfo& thread = threads[found->second];
  if (head.open_before != thread.open.size() || head.start_ticks < thread.last_ticks) {
    return false;
  }
  frames.push_back(
      FrameInfo{offset, body_bytes, found->second, head.ops, head.calls, thread.last_op_ticks});
  follow(thread, head, left_open);
  return true;
}

bool DroppedInfo::pass(const EventsFrame& head, const std::vector<OpenCall>& left_open) {
  const auto known = threads.find({head.image, head.thread});
  ThreadInfo thread = known == threads.end() ? new_thread(head) : known->second;
  const size_t open_before = thread.open.size();
  if (head.open_before != open_before || head.start_ticks < thread.last_ticks) {
    return false;
  }
  follow(thread, head, left_open);
  until_ticks = std::max(until_ticks, head.end_ticks);
  calls += head.calls + open_before - thread.open.size();
  if (has_more_to_tell(thread)) {
    threads[{head.image, head.thread}] = std::move(thread);
    return true;
  }
  ++ended_threads;
  if (known != threads.end()) {
    threads.erase(known);
  }
  return true;
}

bool Model::is_of(uint32_t process, const EventsFrame& head) const {
  return head.image < images.size() && images[head.image].process == process &&
         thread_index_.contains(key_of(head.image, head.thread));
}

std::vector<std::pair<uint32_t, uint32_t>> Model::drop_events(uint32_t process, DroppedInfo info) {
  std::vector<bool> lost_some(threads.size());
  std::erase_if(frames, [&](const FrameInfo& frame) {
    ThreadInfo& thread = threads[frame.thread];
    if (frame.offset >= info.until_offset || images[thread.image].process != process) {
      return false;
    }
    thread.calls -= frame.calls;
    --thread.frames;
    lost_some[frame.thread] = true;
    return true;
  });
  std::vector<bool> gone(threads.size());
  for (size_t i = 0; i < threads.size(); ++i) {
    ThreadInfo& thread = threads[i];
    if (!lost_some[i]) {
      continue;
    }
    const auto state = info.threads.find({thread.image, thread.thread});
    thread.calls -= thread.open_at_first.size();
    thread.open_at_first =
        state == info.threads.end() ? std::vector<OpenCall>() : state->second.open;
    thread.calls += thread.open_at_first.size();
    gone[i] = state == info.threads.end() && thread.frames == 0;
  }
  // What a thread did before its first frame was in frames that are gone.
  for (FrameInfo& frame : frames) {
    if (lost_some[frame.thread]) {
      frame.previous_ticks = 0;
      lost_some[frame.thread] = frame.ops == 0;
    }
  }
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i].last_op_ticks = lost_some[i] ? 0 : threads[i].last_op_ticks;
  }
  dropped[process] = std::move(info);
  return forget_threads(gone);
}

std::vector<std::pair<uint32_t, uint32_t>> Model::forget_threads(const std::vector<bool>& gone) {
  std::vector<std::pair<uint32_t, uint32_t>> forgotten;
  if (std::find(gone.begin(), gone.end(), true) == gone.end()) {
    return forgotten;
  }
  std::vector<uint32_t> index_of(threads.size());
  uint32_t kept = 0;
  for (uint32_t i = 0; i < threads.size(); ++i) {
    const uint64_t key = key_of(threads[i].image, threads[i].thread);
    if (gone[i]) {
      thread_index_.erase(key);
      images[threads[i].image].thread_names.erase(threads[i].thread);
      forgotten.emplace_back(threads[i].image, threads[i].thread);
      continue;
    }
    index_of[i] = kept;
    thread_index_[key] = kept;
    if (i != kept) {
      threads[kept] = std::move(threads[i]);
    }
    ++kept;
  }
  threads.resize(kept);
  for (FrameInfo& frame : frames) {
    frame.thread = index_of[frame.thread];
  }
  return forgotten;
}

std::string DroppedInfo::serialize(uint32_t process) const {
  const DroppedFrame frame = {process, 0, calls, until_ticks, until_offset};
  std::string body(reinterpret_cast<const char*>(&frame), sizeof(frame));
  append_varint(body, threads.size());
  for (const auto& [key, thread] : threads) {
    append_thread(body, thread);
  }
  append_varint(body, marks);
  append_varint(body, ended_threads);
  return body;
}

bool Model::add_dropped(std::string_view body, uint64_t offset) {
  DroppedFrame frame;
  if (body.size() < sizeof(frame)) {
    return false;
  }
  memcpy(&frame, body.data(), sizeof(frame));
  DroppedInfo info;
  info.calls = frame.calls;
  info.until_ticks = frame.until_ticks;
  info.until_offset = frame.until_offset;
  VarintReader from(body.data() + sizeof(frame), body.data() + body.size());
  const uint64_t count = from.next();
  for (uint64_t i = 0; i < count && !from.failed(); ++i) {
    ThreadInfo thread;
    if (!read_thread(from, thread) || thread.open.size() > thread.deepest) {
      return false;
    }
    info.threads[{thread.image, thread.thread}] = std::move(thread);
  }
  if (!from.failed() && !from.at_end()) {  // a later addition
    info.marks = from.next();
    info.ended_threads = from.next();
  }
  if (from.failed() || info.until_offset > offset) {
    return false;
  }
  DroppedInfo& known = dropped[frame.process];
  if (info.until_offset >= known.until_offset) {
    known = std::move(info);
  }
  return true;
}

std::unique_ptr<Model> Model::without_events() const {
  auto facts = std::make_unique<Model>(*this);
  facts->threads.clear();
  facts->thread_index_.clear();
  facts->frames.clear();
  facts->sources.clear();
  for (auto& [process, info] : facts->dropped) {
    info.until_offset = 0;
  }
  return facts;
}

void Model::apply_dropped(uint64_t end_offset) {
  for (auto& [process, info] : dropped) {
    // It was told of behind damage: whoever goes on does so in front of that.
    info.until_offset = std::min(info.until_offset, end_offset);
    for (const auto& [key, state] : info.threads) {
      if (state.image >= images.size() || images[state.image].process != process) {
        continue;
      }
      const auto [found, fresh] = thread_index_.try_emplace(key_of(state.image, state.thread),
                                                            static_cast<uint32_t>(threads.size()));
      if (fresh) {
        threads.push_back(after_dropped(state));
        images[state.image].traced = true;
      } else if (state.open.size() <= threads[found->second].deepest) {
        threads[found->second].open_at_first = state.open;
      }
    }
  }
}

// The index's body, in varints: threads, then frames of events. Offsets and stamps are differences.
std::string Model::serialize_threads() const {
  std::string to;
  append_varint(to, threads.size());
  for (const ThreadInfo& thread : threads) {
    append_thread(to, thread);
  }
  append_varint(to, frames.size());
  uint64_t offset = 0;
  for (const FrameInfo& frame : frames) {
    for (const uint64_t value : {frame.offset - offset,
                                 frame.body_bytes,
                                 uint64_t{frame.thread},
                                 uint64_t{frame.ops},
                                 uint64_t{frame.calls},
                                 frame.previous_ticks}) {
      append_varint(to, value);
    }
    offset = frame.offset;
  }
  return to;
}

bool Model::restore_threads(std::string_view bytes) {
  VarintReader from(bytes.data(), bytes.data() + bytes.size());
  const uint64_t thread_count = from.next();
  for (uint64_t i = 0; i < thread_count && !from.failed(); ++i) {
    ThreadInfo thread;
    if (!read_thread(from, thread) || thread.image >= images.size()) {
      return false;
    }
    thread_index_[key_of(thread.image, thread.thread)] = static_cast<uint32_t>(threads.size());
    images[thread.image].traced = true;
    threads.push_back(std::move(thread));
  }
  const uint64_t frame_count = from.next();
  uint64_t offset = 0;
  for (uint64_t i = 0; i < frame_count && !from.failed(); ++i) {
    FrameInfo frame;
    offset += from.next();
    frame.offset = offset;
    frame.body_bytes = from.next();
    frame.thread = static_cast<uint32_t>(from.next());
    frame.ops = static_cast<uint32_t>(from.next());
    frame.calls = static_cast<uint32_t>(from.next());
    frame.previous_ticks = from.next();
    if (from.failed() || frame.thread >= threads.size() || frame.body_bytes > kMaxBodyBytes) {
      return false;
    }
    frames.push_back(frame);
  }
  return !from.failed() && from.at_end();
}

}  // namespace vtn::spool
