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
void pass(ThreadInfo& thread, const EventsFrame& head, const std::vector<OpenCall>& left_open) {
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

// As it is where its first frames are gone: of what they held, there is what they left open.
ThreadInfo after_dropped(const ThreadInfo& dropped) {
  ThreadInfo thread = dropped;
  thread.open_at_first = dropped.open;
  thread.calls = dropped.open.size();
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
  pass(thread, head, left_open);
  return true;
}

void Model::pass_dropped(const EventsFrame& head, const std::vector<OpenCall>& left_open) {
  DroppedInfo& info = dropped[images[head.image].process];
  const auto [found, fresh] = info.threads.try_emplace({head.image, head.thread});
  if (fresh) {
    found->second = new_thread(head);
  }
  pass(found->second, head, left_open);
  info.until_ticks = std::max(info.until_ticks, head.end_ticks);
}

void Model::forget_events(uint32_t process, uint64_t until_offset) {
  DroppedInfo& info = dropped[process];
  info.until_offset = until_offset;
  std::erase_if(frames, [&](const FrameInfo& frame) {
    ThreadInfo& thread = threads[frame.thread];
    if (frame.offset >= until_offset || images[thread.image].process != process) {
      return false;
    }
    thread.calls -= frame.calls;
    --thread.frames;
    return true;
  });
  info.calls = 0;
  std::vector<bool> no_op_yet(threads.size());
  for (const auto& [key, state] : info.threads) {
    const auto found = thread_index_.find(key_of(key.first, key.second));
    if (found == thread_index_.end()) {
      continue;
    }
    const uint32_t index = found->second;
    ThreadInfo& thread = threads[index];
    thread.calls += state.open.size() - thread.open_at_first.size();
    thread.open_at_first = state.open;
    info.calls += state.calls - state.open.size();
    no_op_yet[index] = true;
  }
  // What a thread did before its first frame was in frames that are gone.
  for (FrameInfo& frame : frames) {
    if (no_op_yet[frame.thread]) {
      frame.previous_ticks = 0;
      no_op_yet[frame.thread] = frame.ops == 0;
    }
  }
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i].last_op_ticks = no_op_yet[i] ? 0 : threads[i].last_op_ticks;
  }
}

std::string Model::serialize_dropped(uint32_t process) const {
  const DroppedInfo& info = dropped.at(process);
  const DroppedFrame frame = {process, 0, info.calls, info.until_ticks, info.until_offset};
  std::string body(reinterpret_cast<const char*>(&frame), sizeof(frame));
  append_varint(body, info.threads.size());
  for (const auto& [key, thread] : info.threads) {
    append_thread(body, thread);
  }
  return body;
}

bool Model::add_dropped(std::string_view body) {
  DroppedFrame frame;
  if (body.size() < sizeof(frame)) {
    return false;
  }
  memcpy(&frame, body.data(), sizeof(frame));
  DroppedInfo info = {frame.calls, frame.until_ticks, frame.until_offset, {}};
  VarintReader from(body.data() + sizeof(frame), body.data() + body.size());
  const uint64_t count = from.next();
  for (uint64_t i = 0; i < count && !from.failed(); ++i) {
    ThreadInfo thread;
    if (!read_thread(from, thread) || thread.open.size() > thread.deepest) {
      return false;
    }
    info.threads[{thread.image, thread.thread}] = std::move(thread);
  }
  DroppedInfo& known = dropped[frame.process];
  if (!from.failed() && info.until_offset >= known.until_offset) {
    known = std::move(info);
  }
  return !from.failed();
}

void Model::apply_dropped() {
  for (const auto& [process, info] : dropped) {
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
