// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH.
#include "report/json/events.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/fold/fold_note.h"
#include "report/json/raw_events.h"
#include "report/marks.h"
#include "report/text.h"
#include "spool/replay.h"

namespace vtn::report {

namespace {

constexpr uint64_t kOffsetUnit = uint64_t{1} << 52;
constexpr uint32_t kFirstMadeUpTid = 0x5000'0000;  // above kMadeUpPid and its like
constexpr char kMiddle[kCopyBlock + 1] = ",\"ph\":\"X\",\"cat\":\"FEE\",\"dur\":    ";
constexpr size_t kMiddleBytes = 28;
constexpr char kFoldMiddle[kCopyBlock + 1] = ",\"ph\":\"X\",\"cat\":\"folded\",\"dur\": ";
constexpr size_t kFoldMiddleBytes = 31;
constexpr size_t kMaxPrefixBytes = 2 * kCopyBlock;
// Of an event, without its name; copies write whole blocks.
constexpr size_t kEventRoom = kMaxPrefixBytes + 2 * kMaxTimeBytes + 3 * kCopyBlock;
constexpr char kThreadCategory[] = "thread";

JsonTrack make_track(uint32_t pid, uint32_t tid) {
  JsonTrack track;
  track.pid = pid;
  track.tid = tid;
  track.prefix = fmt::format(",\n{{\"pid\":{},\"tid\":{},\"ts\":", pid, tid);
  track.prefix_bytes = track.prefix.size();
  track.prefix.resize(kMaxPrefixBytes);
  return track;
}

// Copies whole blocks: both sides have room for them.
inline char* copy_blocks(char* to, const char* from, size_t bytes) {
  memcpy(to, from, kCopyBlock);
  for (size_t done = kCopyBlock; done < bytes; done += kCopyBlock) {
    memcpy(to + done, from + done, kCopyBlock);
  }
  return to + bytes;
}

}  // namespace

JsonLayout::JsonLayout(const spool::Model& trace, const spool::ClockMap& map, bool python_only)
    : model(trace),
      clock(map),
      picture(trace, map, python_only),
      names(trace),
      losses(untold_losses(trace, map)) {
  uint64_t first_ns = picture.start_ns;
  for (const spool::ThreadInfo& thread : model.threads) {
    first_ns = std::min(first_ns, clock.to_ns(thread.first_ticks));
  }
  offset_ns = first_ns == UINT64_MAX ? 0 : first_ns / kOffsetUnit * kOffsetUnit;
  uint32_t made_up = kFirstMadeUpTid;
  for (uint32_t i = 0; i < model.threads.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    const uint32_t pid = picture.shown_pid(thread.image);
    std::vector<JsonTrack>& levels = tracks.emplace_back();
    levels.push_back(make_track(pid, picture.shown_tid(i)));
    while (levels.size() * kTrackDepth < thread.deepest) {
      levels.push_back(make_track(pid, made_up++));
    }
  }
  for (const UntoldLoss& loss : losses) {
    loss_tracks.push_back(make_track(picture.shown_pid(loss.image), made_up++));
  }
  main_lines.resize(picture.processes.size());
  start_lines.resize(picture.processes.size());
  for (const uint32_t process : picture.order) {
    const uint32_t pid = picture.info(process).shown_pid;
    main_lines[process] = make_track(pid, pid);
  }
  for (const Picture::Arrow& arrow : picture.arrows) {
    if (arrow.thread != kNothing && tracks[arrow.thread].size() > 1 &&
        start_lines[arrow.parent].tid == 0) {
      start_lines[arrow.parent] = make_track(picture.info(arrow.parent).shown_pid, made_up++);
    }
  }
}

const JsonTrack& JsonLayout::source_of(const Picture::Arrow& arrow) const {
  if (arrow.thread == kNothing) {
    return main_lines[arrow.parent];
  }
  return tracks[arrow.thread].size() == 1 ? tracks[arrow.thread][0] : start_lines[arrow.parent];
}

// kNotes: the frame has notes, or lines of its open calls.
template <bool kDeep, bool kNotes>
class JsonPieceMaker::Sink {
 public:
  Sink(JsonPieceMaker& maker,
       const std::vector<JsonTrack>& tracks,
       const spool::ImageInfo& image,
       const spool::DecodedFrame& frame,
       ByteBuffer& to)
      : maker_(maker),
        image_(image),
        ids_(frame.functions.data()),
        tracks_(tracks.data()),
        offset_ns_(maker.layout_.offset_ns),
        functions_(maker.functions_.data()),
        bottom_(maker.stack_.data()),
        depth_(frame.head.lowest_open),
        out_(to),
        at_(to.room(0)),
        limit_(to.limit()) {}

  void set_top(size_t open) { top_ = bottom_ + open; }
  void finish() { out_.set_end(at_); }

  void begin(uint32_t function, uint64_t ns) {
    uint32_t id = 0;
    if constexpr (kNotes) {
      (void)maker_.lines_.begin(function);
      (void)maker_.values_.begin();
      id = ids_[function];
    }
    *top_++ = Open{functions_[function], ns, id};
  }

  void special(const spool::Special& special, uint64_t ns) {
    if constexpr (kNotes) {
      maker_.lines_.begin_other();
      (void)maker_.values_.begin();
    }
    *top_++ = Open{maker_.keep(json_name_tail(gap_name(special))), ns, 0};
  }

  void note(const spool::Note& note, uint64_t ns) requires kNotes {
    maker_.lines_.note(note);
    if (maker_.values_.note(note)) {
      return;
    }
    if (note.kind == static_cast<uint32_t>(NoteKind::kThreadName)) {
      std::string text;
      append_json_event(text, tracks_[0], ns - offset_ns_, 'i', kThreadCategory);
      text += ",\"s\":\"t\"" + json_name_tail(thread_renamed(note.bytes));
      append(text);
    } else if (is_span_begin(note)) {
      maker_.spans_.take(maker_.thread_, image_.image, note);
    } else if (is_mark(note)) {
      const auto shown_ns = [&](uint64_t ticks) {
        return std::max(maker_.layout_.clock.to_ns(ticks), offset_ns_) - offset_ns_;
      };
      const spool::FunctionInfo* const name = image_.function(static_cast<uint32_t>(note.key));
      if (is_span(note)) {
        maker_.spans_.take(maker_.thread_, image_.image, note);
      }
      if (note.kind == static_cast<uint32_t>(NoteKind::kCounter)) {
        sample(note, shown_ns(note.ticks), name);
        return;
      }
      append(is_span(note) ? json_span(note,
                                       tracks_[0],
                                       shown_ns(note.ticks),
                                       shown_ns(note.ticks + span_ticks(note)),
                                       name)
                           : json_mark(note, tracks_[0], shown_ns(note.ticks), offset_ns_, name));
    }
  }

  void end(uint64_t ns, uint32_t /*how*/) {
    const Open call = *--top_;
    const JsonTrack* track = tracks_;
    if constexpr (kDeep) {
      track += (depth_ + static_cast<size_t>(top_ - bottom_)) / kTrackDepth;
    }
    std::string notes;
    const char* middle = kMiddle;
    size_t middle_bytes = kMiddleBytes;
    if constexpr (kNotes) {
      const uint32_t line = maker_.lines_.end();
      const CallValues::Ended values = maker_.values_.end();
      if (values.arguments != nullptr && is_fold(*values.arguments)) {
        notes = json_fold(maker_.layout_, image_.image, *values.arguments);
        middle = kFoldMiddle;
        middle_bytes = kFoldMiddleBytes;
      } else {
        notes = json_notes(line, values, image_.function(call.id));
      }
    }
    room(kEventRoom + notes.size() + call.tail->bytes);
    char* at = at_;
    memcpy(at, track->prefix.data(), kMaxPrefixBytes);
    at = maker_.time_.put(at + track->prefix_bytes, call.ns - offset_ns_);
    memcpy(at, middle, kCopyBlock);
    at = put_duration(at + middle_bytes, ns - call.ns);
    if constexpr (kNotes) {
      at = std::copy(notes.begin(), notes.end(), at);
    }
    at_ = copy_blocks(at, call.tail->text, call.tail->bytes);
  }

 private:
  // Series of one counter and one moment that are told one after the other are one event: viewers
  // take what an event does not have for what has gone.
  void sample(const spool::Note& note, uint64_t ns, const spool::FunctionInfo* name) {
    const auto [counter, series] = series_of(note, name);
    std::string text;
    if (at_ == sampled_.end && note.ticks == sampled_.ticks && counter == sampled_.counter) {
      at_ -= sampled_.tail_bytes;
      text = ",";
    } else {
      append_json_event(text, tracks_[0], ns, 'C', "counter");
      text += ",\"args\":{";
    }
    text += json_quoted(series) + ":" + json_number(counter_of(note, name).number);
    const std::string tail = "}" + json_name_tail(counter);
    append(text + tail);
    sampled_ = {at_, tail.size(), note.ticks, counter};
  }
  void append(const std::string& text) {
    room(text.size());
    memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void room(size_t bytes) {
    if (__builtin_expect(static_cast<size_t>(limit_ - at_) < bytes, 0)) {
      out_.set_end(at_);
      at_ = out_.room((size_t{1} << 20) + bytes);
      limit_ = out_.limit();
    }
  }

  JsonPieceMaker& maker_;
  const spool::ImageInfo& image_;
  const uint32_t* const ids_;
  const JsonTrack* const tracks_;
  const uint64_t offset_ns_;
  const NameTail* const* const functions_;
  Open* const bottom_;
  Open* top_ = nullptr;
  const uint32_t depth_;  // of bottom_
  ByteBuffer& out_;
  char* at_;
  char* limit_;
  // The last counter's event, which may go on.
  struct {
    const char* end = nullptr;
    size_t tail_bytes = 0;  // of it, behind its values
    uint64_t ticks = 0;
    std::string counter;
  } sampled_;
};

const NameTail* JsonPieceMaker::keep(std::string text) {
  auto& [owned, tail] = extra_.emplace_back(std::move(text), NameTail{});
  tail.bytes = owned.size();
  owned.append(kCopyBlock, '\0');
  tail.text = owned.data();
  return &tail;
}

const NameTail* JsonPieceMaker::tail_of(uint32_t image, uint32_t id) {
  const NameTail* tail = layout_.names.find(image, id);
  return tail != nullptr ? tail : keep(json_name_tail(display_name(nullptr, id)));
}

Status JsonPieceMaker::encode(const spool::FrameInfo& info,
                              const spool::DecodedFrame& frame,
                              ByteBuffer& to) {
  const spool::ThreadInfo& thread = layout_.model.threads[info.thread];
  const std::vector<JsonTrack>& tracks = layout_.tracks[info.thread];
  thread_ = info.thread;
  extra_.clear();
  functions_.clear();
  for (const uint32_t id : frame.functions) {
    functions_.push_back(tail_of(thread.image, id));
  }
  const size_t closed = frame.closed.size();
  stack_.resize(closed + frame.head.ops + 1);
  for (size_t i = 0; i < closed; ++i) {
    const spool::OpenCall& call = frame.closed[closed - 1 - i];
    stack_[i] =
        Open{tail_of(thread.image, call.id), layout_.clock.to_ns(call.start_ticks), call.id};
  }
  if (frame.has_notes()) {
    lines_.start(frame);
    values_.start();
    return tracks.size() == 1 ? replay<false, true>(tracks, thread.image, frame, to)
                              : replay<true, true>(tracks, thread.image, frame, to);
  }
  return tracks.size() == 1 ? replay<false, false>(tracks, thread.image, frame, to)
                            : replay<true, false>(tracks, thread.image, frame, to);
}

template <bool kDeep, bool kNotes>
Status JsonPieceMaker::replay(const std::vector<JsonTrack>& tracks,
                              uint32_t image,
                              const spool::DecodedFrame& frame,
                              ByteBuffer& to) {
  Sink<kDeep, kNotes> sink(*this, tracks, layout_.model.images[image], frame, to);
  sink.set_top(frame.closed.size());
  VTN_TRY(spool::replay_frame(frame, layout_.clock, sink));
  sink.finish();
  return {};
}

std::string json_fold(const JsonLayout& layout, uint32_t image, const spool::Note& note) {
  const FoldNote fold = FoldNote::read(note);
  const std::string unnamed = json_quoted(display_name(nullptr, kIdTooManyNames));
  // Several functions may have one text: of each dataclass, for instance, "__init__ (<string>:2)".
  std::vector<std::pair<std::string_view, uint64_t>> named;
  for (const FunctionCount& count :
       FoldNote::by_function(layout.model.images[image], fold.functions)) {
    const NameTail* const tail = layout.names.find(image, count.function);
    named.emplace_back(tail != nullptr ? quoted_name(*tail) : std::string_view(unnamed),
                       count.calls);
  }
  std::sort(named.begin(), named.end());
  std::string functions;
  for (size_t i = 0; i < named.size();) {
    uint64_t calls = 0;
    const std::string_view name = named[i].first;
    for (; i < named.size() && named[i].first == name; ++i) {
      calls += named[i].second;
    }
    functions += functions.empty() ? "" : ",";
    functions += name;
    functions += fmt::format(":{}", calls);
  }
  std::string text =
      fmt::format(",\"args\":{{\"calls\":{},\"raised\":{},\"busy_us\":", fold.calls, fold.raised);
  char number[kMaxTimeBytes];
  text.append(number, static_cast<size_t>(put_duration(number, fold.busy_ns) - number));
  return text + ",\"functions\":{" + functions + "}}";
}

std::string json_notes(uint32_t line,
                       const CallValues::Ended& values,
                       const spool::FunctionInfo* function,
                       bool unfinished) {
  if (line == 0 && !values.has_arguments() && values.return_value == nullptr && !unfinished) {
    return {};
  }
  std::string text;
  std::string members;
  const auto add = [&](const std::string& key, const std::string& value) {
    members += (members.empty() ? "" : ",") + json_quoted(key) + ":" + value;
  };
  if (line != 0) {
    text = fmt::format(",\"{}\":{}", kCallerLineKey, line);
    add(kCallerLineKey, std::to_string(line));
  }
  if (values.has_arguments()) {
    std::string arguments;
    for (const auto& [name, value] : argument_texts(values, function)) {
      arguments += (arguments.empty() ? "" : ",") + json_quoted(name) + ":" + json_quoted(value);
    }
    add(kArgumentsKey, "{" + arguments + "}");
  }
  if (values.return_value != nullptr) {
    add(kReturnValueKey, json_quoted(value_text(*values.return_value)));
  }
  if (unfinished) {
    add("unfinished", "true");
  }
  return text + ",\"args\":{" + members + "}";
}

namespace {

// `, "args": {...}`
std::string json_values(const Instant& instant, size_t skipped = 0) {
  std::string members;
  for (size_t i = skipped; i < instant.values.size(); ++i) {
    const auto& [name, value] = instant.values[i];
    members += (members.empty() ? "" : ",") + json_quoted(name) + ":" + json_quoted(value);
  }
  return ",\"args\":{" + members + "}";
}

// What a program told of an object: "event" and "id" first, then what it was (VizTracer's format:
// N, O and D).
std::string json_object(const Instant& instant, const JsonTrack& track, uint64_t ns) {
  constexpr size_t kQuoted = 3;  // 'N'
  const auto bare = [](const std::string& quoted) {
    return quoted.size() > 1 ? quoted.substr(1, quoted.size() - 2) : quoted;
  };
  if (instant.values.size() < 2 || instant.values[0].second.size() != kQuoted) {
    return {};
  }
  std::string text;
  const char event = instant.values[0].second[1];
  append_json_event(text, track, ns, event == 'N' || event == 'D' ? event : 'O', "object");
  text += ",\"id\":" + json_quoted(bare(instant.values[1].second));
  if (event == 'O') {
    std::string members = json_values(instant, 2);
    text += ",\"args\":{\"snapshot\":" + members.substr(members.find('{')) + "}";
  }
  return text + json_name_tail(instant.name);
}

std::string span_id(const spool::Note& note) {
  return fmt::format(",\"id\":\"{:x}-{:x}\"", note.ticks, note.key);
}

}  // namespace

std::string json_span(const spool::Note& note,
                      const JsonTrack& track,
                      uint64_t begin_ns,
                      uint64_t end_ns,
                      const spool::FunctionInfo* function) {
  const std::string id = span_id(note);
  std::string text;
  const Instant span = instant_of(note, function);
  append_json_event(text, track, begin_ns, 'b', span.category);
  text += id + json_values(span) + json_name_tail(span.name);
  append_json_event(text, track, end_ns, 'e', span.category);
  return text + id + json_name_tail(span.name);
}

std::string json_open_span(const spool::Note& note,
                           const JsonTrack& track,
                           uint64_t begin_ns,
                           const spool::FunctionInfo* function) {
  Instant span = instant_of(note, function);
  span.values.emplace_back("unfinished", "True");
  std::string text;
  append_json_event(text, track, begin_ns, 'b', span.category);
  return text + span_id(note) + json_values(span) + json_name_tail(span.name);
}

std::string json_mark(const spool::Note& note,
                      const JsonTrack& track,
                      uint64_t ns,
                      uint64_t offset_ns,
                      const spool::FunctionInfo* function) {
  std::string text;
  const Instant instant = instant_of(note, function);
  const uint32_t flags = function != nullptr ? function->flags : 0;
  if ((flags & kFunctionIsRaw) != 0) {
    if (const auto event = json_raw_event(note, track, ns + offset_ns, offset_ns)) {
      return "," + *event;
    }
  }
  if ((flags & kFunctionOfObject) != 0) {
    if (std::string event = json_object(instant, track, ns); !event.empty()) {
      return event;
    }
  }
  append_json_event(text, track, ns, 'i', instant.category.empty() ? "instant" : instant.category);
  const char scope = (flags & kFunctionOfAll) != 0       ? 'g'
                     : (flags & kFunctionOfProcess) != 0 ? 'p'
                                                         : 't';
  return text + fmt::format(",\"s\":\"{}\"", scope) + json_values(instant) +
         json_name_tail(instant.name);
}

void append_json_event(
    std::string& to, const JsonTrack& track, uint64_t ns, char ph, std::string_view category) {
  char number[kMaxTimeBytes];
  to.append(track.prefix, 0, track.prefix_bytes);
  to.append(number, static_cast<size_t>(put_duration(number, ns) - number));
  to += fmt::format(",\"ph\":\"{}\",\"cat\":{}", ph, json_quoted(category));
}

void append_json_duration(std::string& to, uint64_t ns) {
  char number[kMaxTimeBytes];
  to += ",\"dur\":";
  to.append(number, static_cast<size_t>(put_duration(number, ns) - number));
}

}  // namespace vtn::report
