// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH.
#include "report/perfetto/events.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <string.h>

#include <fmt/format.h>

#include "report/fold/fold_note.h"
#include "report/marks.h"
#include "report/text.h"
#include "spool/replay.h"

namespace vtn::report {

using namespace perfetto;  // field numbers

namespace {

constexpr size_t kEventRoom = 64;  // more than any event packet without text takes
constexpr size_t kGrowBytes = size_t{1} << 19;

// Bytes of single tags, written out where packets are put together by hand.
constexpr char kTagPacket = 0x0a;
constexpr char kTagTimestamp = 0x40;
constexpr char kTagSequence = 0x50;
constexpr char kTagFlags = 0x68;
constexpr char kTagTrackEvent = 0x5a;
constexpr char kTagType = 0x48;
constexpr char kTagCategoryIid = 0x18;
constexpr char kTagNameIid = 0x50;
constexpr char kTagAnnotation = 0x22;
constexpr char kTagAnnotationNameIid = 0x08;
constexpr char kTagAnnotationUint = 0x18;
constexpr char kCallerLineIid = 1;
constexpr char kTypeBegin = kSliceBegin;
constexpr char kTypeEnd = kSliceEnd;

}  // namespace

void append_packet(std::string& to, uint32_t sequence, const ProtoMessage& packet) {
  ProtoMessage head;
  head.number(kSequence, sequence);
  to += static_cast<char>((kPacket << 3) | 2);
  spool::append_varint(to, head.view().size() + packet.view().size());
  to += head.view();
  to += packet.view();
}

void append_meta(std::string& to, uint64_t ns, uint32_t field, const ProtoMessage& message) {
  ProtoMessage packet;
  packet.number(kTimestamp, ns).message(field, message);
  append_packet(to, kMetaSequence, packet);
}

ProtoMessage arguments_annotation(const ValueTexts& texts) {
  ProtoMessage annotation;
  annotation.bytes(kNoteName, kArgumentsKey);
  for (const auto& [name, value] : texts) {
    annotation.message(kNoteMember, ProtoMessage().bytes(kNoteName, name).bytes(kNoteText, value));
  }
  return annotation;
}

namespace {

// What a fold stands for. The functions with most calls: all of them, of all folds, would be more
// than all else in the file.
void annotate_fold(ProtoMessage& event, const spool::Note& note, const spool::ImageInfo& image) {
  constexpr size_t kMostNamed = 4;
  const FoldNote fold = FoldNote::read(note);
  std::vector<FunctionCount> counts = FoldNote::by_function(image, fold.functions);
  std::stable_sort(
      counts.begin(), counts.end(), [](const FunctionCount& a, const FunctionCount& b) {
        return a.calls > b.calls;
      });
  std::string functions;
  for (size_t i = 0; i < counts.size() && i < kMostNamed; ++i) {
    const FunctionCount& count = counts[i];
    functions += fmt::format("{}{} x {}",
                             i == 0 ? "" : ", ",
                             count.calls,
                             display_name(image.function(count.function), count.function));
  }
  if (counts.size() > kMostNamed) {
    functions += fmt::format(", and {} more functions", counts.size() - kMostNamed);
  }
  const auto add = [&event](const char* name, uint64_t value) {
    event.message(kAnnotation, ProtoMessage().bytes(kNoteName, name).number(kNoteNumber, value));
  };
  add("calls", fold.calls);
  if (fold.raised != 0) {
    add("raised", fold.raised);
  }
  add("busy_ns", fold.busy_ns);
  event.message(kAnnotation,
                ProtoMessage().bytes(kNoteName, "functions").bytes(kNoteText, functions));
}

}  // namespace

// kAbsolute: stamps are, and the thread may have several tracks. kSlow: the frame has notes or
// lines of its open calls, or its first call is the end of an arrow. `clock`: what stamps are of,
// 0: of the trace's.
template <bool kAbsolute, bool kSlow>
class PerfettoPieceMaker::Sink {
 public:
  Sink(PerfettoPieceMaker& maker,
       const std::vector<PerfettoTrack>& layout,
       const spool::ImageInfo& image,
       const spool::DecodedFrame& frame,
       size_t before,
       uint32_t clock,
       uint64_t last_ns,
       uint64_t arrow_end,
       ByteBuffer& to)
      : maker_(maker),
        layout_(layout),
        image_(image),
        frame_(frame),
        depth_(frame.head.open_before - static_cast<uint32_t>(before)),
        clock_(clock),
        last_ns_(last_ns),
        arrow_end_(arrow_end),
        out_(to),
        at_(to.room(0)),
        limit_(to.limit()) {}

  void finish() { out_.set_end(at_); }

  void begin(uint32_t function, uint64_t ns) {
    if constexpr (kSlow) {
      const spool::Note* const arguments = maker_.values_.begin();
      if (__builtin_expect(arrow_end_ != 0 || arguments != nullptr, 0)) {
        const uint32_t line = maker_.lines_.begin(function);
        ProtoMessage event;
        event.number(kEventType, kSliceBegin).number(kEventNameIid, function + 1);
        set_category(event, frame_.functions[function]);
        if (line != 0) {
          event.message(kAnnotation,
                        ProtoMessage().bytes(kNoteName, kCallerLineKey).number(kNoteNumber, line));
        }
        if (arguments != nullptr && is_fold(*arguments)) {
          annotate_fold(event, *arguments, image_);
        } else if (arguments != nullptr) {
          event.message(kAnnotation,
                        arguments_annotation(argument_texts(
                            *arguments, image_.function(frame_.functions[function]))));
        }
        begin_slow(std::move(event), ns);
        return;
      }
    }
    Track& state = track(depth_++);
    put(ns, state.begin[function]);
    if constexpr (kSlow) {
      if (const uint32_t line = maker_.lines_.begin(function); line != 0) {
        annotate(state, state.begin[function], line);
      }
    }
  }

  // A call that was open before the first frame that is there.
  void begin_before(const std::string& name,
                    const spool::OpenCall& call,
                    uint64_t ns) requires kSlow {
    ProtoMessage event;
    event.number(kEventType, kSliceBegin).bytes(kEventName, name);
    set_category(event, call.id);
    if (call.line != 0) {
      event.message(kAnnotation,
                    ProtoMessage().bytes(kNoteName, kCallerLineKey).number(kNoteNumber, call.line));
    }
    begin_slow(std::move(event), ns);
  }

  void note(const spool::Note& note, uint64_t ns) requires kSlow {
    maker_.lines_.note(note);
    if (maker_.values_.note(note)) {
      return;
    }
    if (note.kind == static_cast<uint32_t>(NoteKind::kThreadName)) {
      (void)track(0);
      ProtoMessage event;
      event.number(kEventType, kInstant)
          .number(kEventCategoryIid, static_cast<uint32_t>(PerfettoCategory::kThread))
          .bytes(kEventName, thread_renamed(note.bytes));
      put_absolute(event, ProtoMessage(), ns);
    } else if (is_span_begin(note)) {
      maker_.spans_.take(maker_.thread_, image_.image, note);
    } else if (is_mark(note)) {
      (void)track(0);
      if (is_span(note)) {
        maker_.spans_.take(maker_.thread_, image_.image, note);
        span(note);
        return;
      }
      ProtoMessage beside;
      const ProtoMessage event = maker_.mark_event(note, image_, beside);
      put_absolute(event, beside, maker_.layout_.clock.to_ns(note.ticks));
    }
  }

  void end(uint64_t ns, uint32_t /*how*/) {
    if constexpr (kSlow) {
      (void)maker_.lines_.end();
      const CallValues::Ended values = maker_.values_.end();
      if (values.return_value != nullptr || values.named != nullptr) {
        --depth_;
        ProtoMessage event;
        event.number(kEventType, kSliceEnd);
        if (values.named != nullptr) {
          event.message(kAnnotation, arguments_annotation(named_texts(*values.named)));
        }
        if (values.return_value != nullptr) {
          event.message(kAnnotation,
                        ProtoMessage()
                            .bytes(kNoteName, kReturnValueKey)
                            .bytes(kNoteText, value_text(*values.return_value)));
        }
        put_slow(event, ns);
        return;
      }
    }
    Track& state = track(--depth_);
    put(ns, state.end);
  }

  void special(const spool::Special& special, uint64_t ns) {
    if constexpr (kSlow) {
      maker_.lines_.begin_other();
      (void)maker_.values_.begin();
    }
    ProtoMessage event;
    event.number(kEventType, kSliceBegin).bytes(kEventName, gap_name(special));
    begin_slow(std::move(event), ns);
  }

  // Makes a sequence known in this piece: before its first event here.
  [[gnu::noinline]] void start(Track& state, const PerfettoTrack& layout) {
    maker_.start_track(layout, image_, frame_, state);
    ProtoMessage track_event;
    track_event.number(kEventTrack, layout.uuid);
    ProtoMessage defaults;
    if (clock_ != 0) {
      defaults.number(kTimestampClock, clock_);
    }
    defaults.message(kDefaultEvent, track_event);
    ProtoMessage packet;
    packet.number(kSequenceFlags, kStateCleared)
        .message(kDefaults, defaults)
        .bytes(kInternedData, maker_.interned_);
    std::string bytes;
    append_packet(bytes, layout.sequence, packet);
    append(bytes);
  }

 private:
  Track& track(uint32_t depth) {
    if constexpr (!kAbsolute) {
      (void)depth;
      return maker_.tracks_[0];  // started before the first event
    } else {
      const size_t level = depth / kTrackDepth;
      Track& state = maker_.tracks_[level];
      if (__builtin_expect(!state.begun, 0)) {
        start(state, layout_[level]);
      }
      return state;
    }
  }

  uint64_t stamp(uint64_t ns) {
    if constexpr (kAbsolute) {
      return ns;
    } else {
      const uint64_t delta = ns - last_ns_;
      last_ns_ = ns;
      return delta;
    }
  }

  void set_category(ProtoMessage& event, uint32_t function_id) const {
    if (const uint32_t category = category_iid(image_.function(function_id)); category != 0) {
      event.number(kEventCategoryIid, category);
    }
  }

  // A slice with more than a name that all its like have.
  [[gnu::noinline, gnu::cold]] void begin_slow(ProtoMessage event, uint64_t ns) {
    if constexpr (kSlow) {
      if (arrow_end_ != 0) {
        event.fixed64(kFlowEnd, arrow_end_);
        arrow_end_ = 0;
      }
    }
    put_slow(event, ns);
    ++depth_;
  }

  // Stamps of their own clock: this moves no clock of the calls'.
  [[gnu::noinline, gnu::cold]] void put_absolute(const ProtoMessage& event,
                                                 ProtoMessage packet,
                                                 uint64_t ns) {
    packet.number(kTimestamp, ns);
    if constexpr (!kAbsolute) {
      packet.number(kTimestampClock, kClockMonotonic);
    }
    packet.number(kSequenceFlags, kNeedsState).message(kTrackEvent, event);
    std::string bytes;
    append_packet(bytes, layout_[0].sequence, packet);
    append(bytes);
  }

  // On a track of its own: Perfetto's UI puts those of one name together, below the thread's.
  [[gnu::noinline, gnu::cold]] void span(const spool::Note& note) {
    const auto id = static_cast<uint32_t>(note.key);
    const spool::ClockMap& clock = maker_.layout_.clock;
    const uint64_t uuid = maker_.layout_.span_uuid(image_.image, id, note.ticks);
    const Instant what = instant_of(note, image_.function(id));
    ProtoMessage track;
    track.number(kTrackUuid, uuid)
        .number(kTrackParent, layout_[0].uuid)
        .bytes(kTrackName, span_track_name(what));
    ProtoMessage packet;
    packet.message(kTrackDescriptor, track);
    std::string bytes;
    append_packet(bytes, layout_[0].sequence, packet);
    append(bytes);
    ProtoMessage beside;
    ProtoMessage begin = maker_.mark_event(note, image_, beside);
    begin.number(kEventTrack, uuid);
    put_absolute(begin, beside, clock.to_ns(note.ticks));
    ProtoMessage end;
    end.number(kEventType, kSliceEnd).number(kEventTrack, uuid);
    put_absolute(end, ProtoMessage(), clock.to_ns(note.ticks + span_ticks(note)));
  }

  // An event of the call at depth_, with more than its like have.
  [[gnu::noinline, gnu::cold]] void put_slow(const ProtoMessage& event, uint64_t ns) {
    (void)track(depth_);
    ProtoMessage packet;
    packet.number(kTimestamp, stamp(ns))
        .number(kSequenceFlags, kNeedsState)
        .message(kTrackEvent, event);
    std::string bytes;
    append_packet(bytes, layout_[kAbsolute ? depth_ / kTrackDepth : 0].sequence, packet);
    append(bytes);
  }

  void put(uint64_t ns, const Tail& tail) {
    if (__builtin_expect(static_cast<size_t>(limit_ - at_) < kEventRoom, 0)) {
      grow(kGrowBytes);
    }
    char* const at = at_;
    at[0] = kTagPacket;
    at[2] = kTagTimestamp;
    char* end = spool::put_varint(at + 3, stamp(ns));
    memcpy(end, tail.bytes, sizeof(tail.bytes));
    end += tail.size;
    at[1] = static_cast<char>(end - (at + 2));
    if constexpr (kSlow) {
      last_packet_ = at;
    }
    at_ = end;
  }

  // Adds to the packet just put, which ends with `tail`: the line goes into its track event.
  void annotate(const Track& state, const Tail& tail, uint32_t line) {
    char* const event_length = at_ - tail.size + state.event_length_at;
    char* at = at_;
    *at++ = kTagAnnotation;
    char* const length = at++;
    *at++ = kTagAnnotationNameIid;
    *at++ = kCallerLineIid;
    *at++ = kTagAnnotationUint;
    at = spool::put_varint(at, line);
    *length = static_cast<char>(at - length - 1);
    const auto added = static_cast<char>(at - at_);
    *event_length = static_cast<char>(*event_length + added);
    last_packet_[1] = static_cast<char>(last_packet_[1] + added);
    at_ = at;
  }

  [[gnu::noinline, gnu::cold]] void grow(size_t bytes) {
    out_.set_end(at_);
    at_ = out_.room(bytes);
    limit_ = out_.limit();
  }

  void append(std::string_view bytes) {
    if (static_cast<size_t>(limit_ - at_) < bytes.size()) {
      grow(bytes.size() + kGrowBytes);
    }
    memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  PerfettoPieceMaker& maker_;
  const std::vector<PerfettoTrack>& layout_;
  const spool::ImageInfo& image_;
  const spool::DecodedFrame& frame_;
  uint32_t depth_;
  const uint32_t clock_;
  uint64_t last_ns_;
  uint64_t arrow_end_;  // 0 once it is written
  ByteBuffer& out_;
  char* at_;
  char* limit_;
  [[maybe_unused]] char* last_packet_ = nullptr;
};

void PerfettoPieceMaker::start_track(const PerfettoTrack& track,
                                     const spool::ImageInfo& image,
                                     const spool::DecodedFrame& frame,
                                     Track& state) {
  state.begun = true;
  char common[12];
  char* end = common;
  *end++ = kTagSequence;
  end = spool::put_varint(end, track.sequence);
  *end++ = kTagFlags;
  *end++ = static_cast<char>(kNeedsState);
  *end++ = kTagTrackEvent;
  const auto common_bytes = static_cast<size_t>(end - common);
  state.event_length_at = static_cast<uint32_t>(common_bytes);
  const auto make = [&](Tail& tail, char type, uint32_t category, uint32_t iid) {
    char* at = tail.bytes;
    memcpy(at, common, common_bytes);
    at += common_bytes;
    char* const length = at++;
    *at++ = kTagType;
    *at++ = type;
    if (category != 0) {
      *at++ = kTagCategoryIid;
      at = spool::put_varint(at, category);
    }
    if (iid != 0) {
      *at++ = kTagNameIid;
      at = spool::put_varint(at, iid);
    }
    *length = static_cast<char>(at - length - 1);
    tail.size = static_cast<uint32_t>(at - tail.bytes);
  };
  make(state.end, kTypeEnd, 0, 0);
  state.begin.resize(frame.functions.size());
  for (uint32_t i = 0; i < state.begin.size(); ++i) {
    make(state.begin[i], kTypeBegin, category_iid(image.function(frame.functions[i])), i + 1);
  }
}

ProtoMessage PerfettoPieceMaker::mark_event(const spool::Note& note,
                                            const spool::ImageInfo& image,
                                            ProtoMessage& packet) {
  const auto id = static_cast<uint32_t>(note.key);
  const spool::FunctionInfo* const name = image.function(id);
  ProtoMessage event;
  if (note.kind == static_cast<uint32_t>(NoteKind::kCounter)) {
    const Number number = counter_of(note, name).number;
    event.number(kEventType, kCounterEvent)
        .number(kEventTrack, layout_.counter_uuid(image.image, id));
    if (const auto* whole = std::get_if<int64_t>(&number)) {
      event.number(kCounterWhole, static_cast<uint64_t>(*whole));
    } else {
      const auto* real = std::get_if<double>(&number);
      event.fixed64(kCounterReal, std::bit_cast<uint64_t>(real != nullptr ? *real : NAN));
    }
    return event;
  }
  const Instant instant = instant_of(note, name);
  event.number(kEventType, is_span(note) ? kSliceBegin : kInstant).bytes(kEventName, instant.name);
  categories_.set(event, instant.category, packet);
  for (const auto& [key, value] : instant.values) {
    event.message(kAnnotation, ProtoMessage().bytes(kNoteName, key).bytes(kNoteText, value));
  }
  return event;
}

std::string PerfettoPieceMaker::name_of_function(uint32_t image, uint32_t id) const {
  const spool::ImageInfo& info = layout_.model.images[image];
  const uint32_t function = id < info.function_of_id.size() ? info.function_of_id[id] : 0;
  return function != 0 ? *layout_.names[image][function - 1] : display_name(nullptr, id);
}

Status PerfettoPieceMaker::encode(const spool::FrameInfo& info,
                                  const spool::DecodedFrame& frame,
                                  ByteBuffer& to) {
  thread_ = info.thread;
  const std::vector<spool::OpenCall> none;
  const auto begins = layout_.begins_before.find(info.thread);
  if (begins == layout_.begins_before.end() || begins->second != info.offset) {
    return frame.head.ops == 0 && !frame.has_notes() ? Status() : encode(info, frame, none, to);
  }
  const std::vector<spool::OpenCall>& before = layout_.model.threads[info.thread].open_at_first;
  return before.size() != frame.head.open_before
             ? fail("a frame does not follow those that were dropped")
             : encode(info, frame, before, to);
}

Status PerfettoPieceMaker::encode_open(uint32_t thread, ByteBuffer& to) {
  const std::vector<spool::OpenCall>& before = layout_.model.threads[thread].open_at_first;
  spool::DecodedFrame frame;
  frame.head.open_before = static_cast<uint32_t>(before.size());
  frame.head.lowest_open = frame.head.open_before;
  frame.head.open_after = frame.head.open_before;
  frame.head.deepest = frame.head.open_before;
  return encode({0, 0, thread, 0, 0, 0}, frame, before, to);
}

// `before`: what is to be begun in front of it.
Status PerfettoPieceMaker::encode(const spool::FrameInfo& info,
                                  const spool::DecodedFrame& frame,
                                  const std::vector<spool::OpenCall>& before,
                                  ByteBuffer& to) {
  const std::vector<PerfettoTrack>& layout = layout_.tracks[info.thread];
  const uint32_t image = layout_.model.threads[info.thread].image;
  interned_ = categories_.start();
  for (uint32_t i = 0; i < frame.functions.size(); ++i) {
    ProtoMessage name;
    name.number(kInternedId, i + 1)
        .bytes(kInternedText, name_of_function(image, frame.functions[i]));
    spool::append_varint(interned_, (kInternedEventName << 3) | 2);
    spool::append_varint(interned_, name.view().size());
    interned_ += name.view();
  }
  if (frame.has_notes()) {
    ProtoMessage name;
    name.number(kInternedId, static_cast<uint64_t>(kCallerLineIid))
        .bytes(kInternedText, kCallerLineKey);
    spool::append_varint(interned_, (kInternedAnnotationName << 3) | 2);
    spool::append_varint(interned_, name.view().size());
    interned_ += name.view();
  }
  if (tracks_.size() < layout.size()) {
    tracks_.resize(layout.size());
  }
  for (size_t level = 0; level < layout.size(); ++level) {
    tracks_[level].begun = false;
  }
  // What the sequence's clock stands at: its last event, wherever that was written.
  const uint64_t last_ns =
      info.previous_ticks != 0 ? layout_.clock.to_ns(info.previous_ticks) : layout_.start_ns;
  const uint64_t arrow_end = info.previous_ticks == 0 ? layout_.arrow_ends[info.thread] : 0;
  const std::vector<spool::ImageInfo>& images = layout_.model.images;
  const uint32_t own_clock = layout_.clocks[info.thread];
  const uint32_t clock = own_clock != 0 ? own_clock : layout_.sets_clocks ? kClockMonotonic : 0;
  const auto replay = [&](auto sink) -> Status {
    if (own_clock != 0) {
      sink.start(tracks_[0], layout[0]);  // others start theirs as they are needed
    }
    if constexpr (requires { sink.begin_before(std::string(), before.front(), last_ns); }) {
      for (const spool::OpenCall& call : before) {
        sink.begin_before(
            name_of_function(image, call.id), call, layout_.clock.to_ns(call.start_ticks));
      }
    }
    VTN_TRY(spool::replay_frame(frame, layout_.clock, sink));
    sink.finish();
    return {};
  };
  const bool slow = frame.has_notes() || arrow_end != 0 || !before.empty();
  if (slow) {
    lines_.start(frame);  // the sink asks it for either reason
    values_.start();
  }
  const size_t open = before.size();
  const auto with = [&]<bool kAbsolute, bool kSlow>() -> Status {
    return replay(Sink<kAbsolute, kSlow>(
        *this, layout, images[image], frame, open, clock, last_ns, arrow_end, to));
  };
  if (own_clock != 0) {
    return slow ? with.template operator()<false, true>()
                : with.template operator()<false, false>();
  }
  return slow ? with.template operator()<true, true>() : with.template operator()<true, false>();
}

}  // namespace vtn::report
