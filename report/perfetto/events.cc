// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH.
#include "report/perfetto/events.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include <string.h>

#include "report/marks.h"
#include "report/text.h"
#include "spool/replay.h"

namespace vtn::report {

using namespace perfetto;  // field numbers

namespace {

constexpr uint32_t kFirstSequence = kMetaSequence + 1;
constexpr size_t kEventRoom = 64;  // more than any event packet without text takes
constexpr size_t kGrowBytes = size_t{1} << 19;
constexpr uint64_t kFewCalls = 4096;

// Bytes of single tags, written out where packets are put together by hand.
constexpr char kTagPacket = 0x0a;
constexpr char kTagTimestamp = 0x40;
constexpr char kTagSequence = 0x50;
constexpr char kTagFlags = 0x68;
constexpr char kTagTrackEvent = 0x5a;
constexpr char kTagType = 0x48;
constexpr char kTagNameIid = 0x50;
constexpr char kTagAnnotation = 0x22;
constexpr char kTagAnnotationNameIid = 0x08;
constexpr char kTagAnnotationUint = 0x18;
constexpr char kCallerLineIid = 1;
constexpr char kThreadCategory[] = "thread";
constexpr char kTypeBegin = kSliceBegin;
constexpr char kTypeEnd = kSliceEnd;

uint64_t mix(uint64_t value) {
  value += 0x9e37'79b9'7f4a'7c15;
  value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9;
  value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11eb;
  return value ^ (value >> 31);
}

// What tracks there are of an image or a process, beside those of threads.
enum Owner : uint64_t {
  kThreadTrack,
  kLossTrack,
  kProcessTrack,
  kProgramsTrack,
  kStartsTrack,
  kMainLine,
  kCounterTrack,
};

uint64_t make_uuid(uint64_t trace_id, Owner owner, uint64_t of, uint64_t thread, uint64_t level) {
  const uint64_t uuid = mix(mix(mix(mix(trace_id ^ owner) + of) + thread) + level);
  return uuid == 0 ? 1 : uuid;
}

}  // namespace

PerfettoLayout::PerfettoLayout(const spool::Model& trace,
                               const spool::ClockMap& map,
                               bool python_only)
    : model(trace), clock(map), picture(trace, map, python_only), start_ns(picture.start_ns) {
  for (const spool::ThreadInfo& thread : model.threads) {
    start_ns = std::min(start_ns, clock.to_ns(thread.first_ticks));
  }
  if (start_ns == UINT64_MAX) {
    start_ns = clock.first_ns();
  }
  choose_tracks();
  end_arrows();
  main_lines.resize(picture.processes.size());
  for (const uint32_t number : picture.order) {
    const uint32_t main = picture.processes[number].main_thread;
    main_lines[number] = main == kNothing
                             ? make_uuid(model.header.trace_id, kMainLine, number, 0, 0)
                             : tracks[main][0].uuid;
  }
  for (const spool::ImageInfo& image : model.images) {
    std::vector<const std::string*>& texts = names.emplace_back();
    texts.reserve(image.functions.size());
    for (const spool::FunctionInfo& function : image.functions) {
      texts.push_back(&*texts_.insert(display_name(&function, 0)).first);
    }
  }
}

void PerfettoLayout::choose_tracks() {
  uint32_t sequence = kFirstSequence;
  tracks.resize(model.threads.size());
  for (uint32_t i = 0; i < tracks.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    std::vector<PerfettoTrack>& levels = tracks[i];
    do {
      levels.push_back(PerfettoTrack{
          sequence++,
          make_uuid(
              model.header.trace_id, kThreadTrack, thread.image, thread.thread, levels.size())});
    } while (levels.size() * kTrackDepth < thread.deepest);
  }
  // Of each thread id in a process: the last thread, and the tracks of all that had it.
  struct Line {
    uint32_t last = 0;
    std::vector<uint64_t> uuids;
  };
  std::unordered_map<uint32_t, Line> lines;
  for (const Picture::Process& process : picture.processes) {
    lines.clear();
    for (const uint32_t i : process.threads) {
      const auto [found, fresh] = lines.try_emplace(model.threads[i].tid);
      Line& line = found->second;
      const bool follows =
          !fresh && model.threads[i].image != model.threads[line.last].image &&
          picture.thread_end_ns(line.last) < clock.to_ns(model.threads[i].first_ticks);
      if (!fresh && !follows) {
        continue;
      }
      for (size_t level = 0; level < tracks[i].size(); ++level) {
        if (level < line.uuids.size()) {
          tracks[i][level].uuid = line.uuids[level];
        } else {
          line.uuids.push_back(tracks[i][level].uuid);
        }
      }
      line.last = i;
    }
  }
}

// An arrow to a traced program leads to its first call. Where none is to be had, to the program.
void PerfettoLayout::end_arrows() {
  arrow_ends.resize(model.threads.size());
  leads_to_call.resize(picture.processes.size());
  for (const Picture::Arrow& arrow : picture.arrows) {
    const Picture::Process& process = picture.processes[arrow.child];
    if (process.programs.empty() || !process.programs.front().traced) {
      continue;
    }
    for (const uint32_t i : process.threads) {
      const spool::ThreadInfo& thread = model.threads[i];
      if (thread.image == process.programs.front().what.image && thread.last_op_ticks != 0) {
        arrow_ends[i] = picture.flow_id(arrow);
        leads_to_call[arrow.child] = true;
        break;
      }
    }
  }
}

bool PerfettoLayout::incremental(uint32_t thread) const {
  return tracks[thread].size() == 1 && model.threads[thread].calls > kFewCalls;
}

uint64_t PerfettoLayout::process_uuid(uint32_t process) const {
  return make_uuid(model.header.trace_id, kProcessTrack, process, 0, 0);
}

uint64_t PerfettoLayout::programs_uuid(uint32_t process) const {
  return make_uuid(model.header.trace_id, kProgramsTrack, process, 0, 0);
}

uint64_t PerfettoLayout::starts_uuid(uint32_t process) const {
  return make_uuid(model.header.trace_id, kStartsTrack, process, 0, 0);
}

uint64_t PerfettoLayout::loss_uuid(uint32_t image) const {
  return make_uuid(model.header.trace_id, kLossTrack, image, 0, 0);
}

uint64_t PerfettoLayout::counter_uuid(uint32_t image, uint32_t id) const {
  return make_uuid(model.header.trace_id, kCounterTrack, image, id, 0);
}

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
  packet.number(kTimestamp, ns).number(kTimestampClock, kClockMonotonic).message(field, message);
  append_packet(to, kMetaSequence, packet);
}

namespace {

// func_args: a dictionary of the values, by name.
ProtoMessage arguments_annotation(const spool::Note& note, const spool::FunctionInfo* function) {
  ProtoMessage annotation;
  annotation.bytes(kNoteName, kArgumentsKey);
  for (const auto& [name, value] : argument_texts(note, function)) {
    annotation.message(kNoteMember, ProtoMessage().bytes(kNoteName, name).bytes(kNoteText, value));
  }
  return annotation;
}

}  // namespace

// kAbsolute: stamps are, and the thread may have several tracks. kSlow: the frame has notes or
// lines of its open calls, or its first call is the end of an arrow.
template <bool kAbsolute, bool kSlow>
class PerfettoPieceMaker::Sink {
 public:
  Sink(PerfettoPieceMaker& maker,
       const std::vector<PerfettoTrack>& layout,
       const spool::ImageInfo& image,
       const spool::DecodedFrame& frame,
       uint64_t last_ns,
       uint64_t arrow_end,
       ByteBuffer& to)
      : maker_(maker),
        layout_(layout),
        image_(image),
        frame_(frame),
        depth_(frame.head.open_before),
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
        if (line != 0) {
          event.message(kAnnotation,
                        ProtoMessage().bytes(kNoteName, kCallerLineKey).number(kNoteNumber, line));
        }
        if (arguments != nullptr) {
          event.message(
              kAnnotation,
              arguments_annotation(*arguments, image_.function(frame_.functions[function])));
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

  void note(const spool::Note& note, uint64_t ns) requires kSlow {
    maker_.lines_.note(note);
    if (maker_.values_.note(note)) {
      return;
    }
    if (note.kind == static_cast<uint32_t>(NoteKind::kThreadName)) {
      (void)track(0);
      ProtoMessage event;
      event.number(kEventType, kInstant)
          .bytes(kEventCategory, kThreadCategory)
          .bytes(kEventName, thread_renamed(note.bytes));
      put_absolute(event, ns);
    } else if (is_mark(note)) {
      (void)track(0);
      put_absolute(maker_.mark_event(note, image_), maker_.layout_.clock.to_ns(note.ticks));
    }
  }

  void end(uint64_t ns, uint32_t /*how*/) {
    if constexpr (kSlow) {
      (void)maker_.lines_.end();
      if (const CallValues::Ended values = maker_.values_.end(); values.return_value != nullptr) {
        --depth_;
        ProtoMessage event;
        event.number(kEventType, kSliceEnd)
            .message(kAnnotation,
                     ProtoMessage()
                         .bytes(kNoteName, kReturnValueKey)
                         .bytes(kNoteText, value_text(*values.return_value)));
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
    maker_.start_track(layout, frame_, state);
    ProtoMessage track_event;
    track_event.number(kEventTrack, layout.uuid);
    ProtoMessage defaults;
    defaults.number(kTimestampClock, kAbsolute ? kClockMonotonic : kClockIncremental)
        .message(kDefaultEvent, track_event);
    ProtoMessage packet;
    packet.number(kSequenceFlags, kStateCleared).message(kDefaults, defaults);
    if (!maker_.interned_.empty()) {
      packet.bytes(kInternedData, maker_.interned_);
    }
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
  [[gnu::noinline, gnu::cold]] void put_absolute(const ProtoMessage& event, uint64_t ns) {
    ProtoMessage packet;
    packet.number(kTimestamp, ns)
        .number(kTimestampClock, kClockMonotonic)
        .number(kSequenceFlags, kNeedsState)
        .message(kTrackEvent, event);
    std::string bytes;
    append_packet(bytes, layout_[0].sequence, packet);
    append(bytes);
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
  uint64_t last_ns_;
  uint64_t arrow_end_;  // 0 once it is written
  ByteBuffer& out_;
  char* at_;
  char* limit_;
  [[maybe_unused]] char* last_packet_ = nullptr;
};

void PerfettoPieceMaker::start_track(const PerfettoTrack& track,
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
  const auto make = [&](Tail& tail, char type, uint32_t iid) {
    char* at = tail.bytes;
    memcpy(at, common, common_bytes);
    at += common_bytes;
    char* const length = at++;
    *at++ = kTagType;
    *at++ = type;
    if (iid != 0) {
      *at++ = kTagNameIid;
      at = spool::put_varint(at, iid);
    }
    *length = static_cast<char>(at - length - 1);
    tail.size = static_cast<uint32_t>(at - tail.bytes);
  };
  make(state.end, kTypeEnd, 0);
  state.begin.resize(frame.functions.size());
  for (uint32_t i = 0; i < state.begin.size(); ++i) {
    make(state.begin[i], kTypeBegin, i + 1);  // iid 0 is none
  }
}

ProtoMessage PerfettoPieceMaker::mark_event(const spool::Note& note,
                                            const spool::ImageInfo& image) const {
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
  event.number(kEventType, kInstant).bytes(kEventName, instant.name);
  if (!instant.category.empty()) {
    event.bytes(kEventCategory, instant.category);
  }
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
  if (frame.head.ops == 0 && !frame.has_notes()) {
    return {};
  }
  const std::vector<PerfettoTrack>& layout = layout_.tracks[info.thread];
  const uint32_t image = layout_.model.threads[info.thread].image;
  interned_.clear();
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
    name.number(1, static_cast<uint64_t>(kCallerLineIid)).bytes(2, kCallerLineKey);
    spool::append_varint(interned_, (3u << 3) | 2);  // debug_annotation_names
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
  const auto replay = [&](auto sink) -> Status {
    if (layout_.incremental(info.thread)) {
      sink.start(tracks_[0], layout[0]);  // others start theirs as they are needed
    }
    VTN_TRY(spool::replay_frame(frame, layout_.clock, sink));
    sink.finish();
    return {};
  };
  const bool slow = frame.has_notes() || arrow_end != 0;
  if (slow) {
    lines_.start(frame);  // the sink asks it for either reason
    values_.start();
  }
  if (layout_.incremental(info.thread)) {
    return slow ? replay(Sink<false, true>(
                      *this, layout, images[image], frame, last_ns, arrow_end, to))
                : replay(Sink<false, false>(*this, layout, images[image], frame, last_ns, 0, to));
  }
  return slow
             ? replay(Sink<true, true>(*this, layout, images[image], frame, last_ns, arrow_end, to))
             : replay(Sink<true, false>(*this, layout, images[image], frame, last_ns, 0, to));
}

}  // namespace vtn::report
