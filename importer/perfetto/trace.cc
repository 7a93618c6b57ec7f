// SPDX-License-Identifier: Apache-2.0
//
// Field numbers are those of Perfetto's protos/perfetto/trace/*.proto.
#include "importer/perfetto/trace.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "importer/inflate.h"
#include "importer/perfetto/processes.h"
#include "importer/perfetto/state.h"

namespace vtn::importer {

namespace {

constexpr size_t kReadBytes = size_t{1} << 21;
constexpr size_t kMostPacketBytes = size_t{256} << 20;
constexpr int64_t kFirstTrackTid = int64_t{1} << 40;
constexpr uint64_t kMostNs = uint64_t{1} << 62;
constexpr uint32_t kPacket = 1;
constexpr std::string_view kTreeCategory = "process";
constexpr std::string_view kThreadCategory = "thread";
constexpr std::string_view kRenamed = "thread renamed: ";
constexpr std::string_view kDeeper = " (deeper than ";
constexpr std::string_view kOurs = "viztracer-native ";

// Reports of ours and VizTracer's have all of a call's in one annotation.
template <class Take>
void each_argument(const PacketAnnotation& annotation, const Take& take) {
  if (annotation.name != "func_args" || annotation.list || annotation.members.empty()) {
    take(annotation);
    return;
  }
  for (const PacketAnnotation& member : annotation.members) {
    take(member);
  }
}

enum class EventType : uint64_t { kNone = 0, kBegin = 1, kEnd = 2, kInstant = 3, kCounter = 4 };

class PerfettoTrace {
 public:
  PerfettoTrace(Intake& intake, Facts& facts) : intake_(intake), facts_(facts) {}

  // False: it is damaged.
  bool take(std::string_view packet, int depth = 0);
  void finish(std::string& who) {
    who = who_;
    facts_.realtime_base_ns = clocks_.realtime_base_ns();
    if (facts_.own) {
      processes_.finish(facts_);
      intake_.remarks.emplace_back("slices of generators that go on count as calls");
    }
  }
  bool has_packets() const { return has_packets_; }
  const Status& status() const { return status_; }

 private:
  struct Event {
    EventType type = EventType::kNone;
    uint64_t track = 0;
    bool has_track = false;
    uint64_t name_iid = 0;
    std::string_view name;
    std::string_view category;
    uint64_t category_iid = 0;
    bool has_number = false;
    std::string number;  // of a counter, as text
    bool flows = false;
    bool legacy = false;
    std::vector<std::string_view> annotations;
  };

  bool read_event(std::string_view message, Event& event);
  void track(std::string_view message);
  void attributes(std::string_view message);
  void sequence_defaults(std::string_view message, PacketSequence& sequence);
  uint32_t row_of(uint64_t uuid);
  Status event(const Event& event, uint64_t ns, PacketSequence& sequence);
  Status slice_begin(const Event& event, Record record, PacketSequence& sequence);
  Status slice_end(Record record);
  Status tree_event(const Event& event, const Record& record, PacketTrack& track);
  std::string name_of(const Event& event, const PacketSequence& sequence) const;

  Intake& intake_;
  Facts& facts_;
  PacketClocks clocks_;
  TraceProcesses processes_;
  std::unordered_map<uint64_t, PacketSequence> sequences_;
  std::unordered_map<uint64_t, PacketTrack> tracks_;
  std::vector<PacketAnnotation> annotations_;
  CallArguments arguments_;
  ToldValues told_;
  std::string payload_;
  std::string returned_;
  std::string who_;
  Status status_;
  bool has_packets_ = false;
};

bool PerfettoTrace::read_event(std::string_view message, Event& event) {
  ProtoReader from(message);
  ProtoField field;
  while (from.next(field)) {
    switch (field.number) {
      case 3:
        event.category_iid = field.value;
        break;
      case 4:
        event.annotations.push_back(field.bytes);
        break;
      case 6:
        event.legacy = true;
        break;
      case 9:
        event.type = static_cast<EventType>(field.value);
        break;
      case 10:
        event.name_iid = field.value;
        break;
      case 11:
        event.track = field.value;
        event.has_track = true;
        break;
      case 22:
        event.category = field.bytes;
        break;
      case 23:
        event.name = field.bytes;
        break;
      case 30:
        event.number = std::to_string(static_cast<int64_t>(field.value));
        break;
      case 44:
        event.number = fmt::format("{}", std::bit_cast<double>(field.value));
        break;
      case 36:
      case 42:
      case 47:
      case 48:
        event.flows = true;
        break;
      default:
        break;
    }
  }
  return !from.damaged();
}

void PerfettoTrace::track(std::string_view message) {
  ProtoReader from(message);
  ProtoField field;
  PacketTrack made;
  uint64_t uuid = 0;
  while (from.next(field)) {
    ProtoReader inside(field.bytes);
    ProtoField part;
    switch (field.number) {
      case 1:
        uuid = field.value;
        break;
      case 2:
        made.name = field.bytes;
        break;
      case 3:
        made.is_process = true;
        processes_.describe(field.bytes);
        while (inside.next(part)) {
          made.pid = part.number == 1 ? static_cast<int32_t>(part.value) : made.pid;
          if (part.number == 6) {
            made.name = part.bytes;
          }
        }
        break;
      case 4:
        made.is_thread = true;
        while (inside.next(part)) {
          made.pid = part.number == 1 ? static_cast<int32_t>(part.value) : made.pid;
          made.tid = part.number == 2 ? static_cast<int64_t>(part.value) : made.tid;
          if (part.number == 5) {
            made.name = part.bytes;
          }
        }
        break;
      case 5:
        made.parent = field.value;
        break;
      case 8:
        made.is_counter = true;
        break;
      default:
        break;
    }
  }
  if (uuid == 0) {
    return;
  }
  if (!made.is_thread && made.name.find(kDeeper) != made.name.npos) {
    tracks_[made.parent].has_deeper = true;
  }
  PacketTrack& known = tracks_[uuid];
  made.has_deeper = known.has_deeper;
  if (known.row != UINT32_MAX) {
    made.row = known.row;  // described once more
  }
  if (made.is_process && !made.name.empty()) {
    intake_.process_names[made.pid] = made.name;
  }
  known = std::move(made);
}

void PerfettoTrace::attributes(std::string_view message) {
  ProtoReader from(message);
  ProtoField field;
  while (from.next(field)) {
    ProtoReader inside(field.bytes);
    ProtoField part;
    std::string key;
    std::string text;
    while (field.number == 1 && inside.next(part)) {
      if (part.number == 1) {
        key = part.bytes;
      } else if (part.number == 3) {
        text = part.bytes;
      }
    }
    if (key == "recorded_by" && text.starts_with(kOurs)) {
      facts_.own = true;
      facts_.version = text.substr(kOurs.size());
      who_ = text;
    } else if (key == "command") {
      facts_.command = text;
    }
  }
}

void PerfettoTrace::sequence_defaults(std::string_view message, PacketSequence& sequence) {
  ProtoReader from(message);
  ProtoField field;
  while (from.next(field)) {
    if (field.number == 58) {
      sequence.default_clock = field.value;
    } else if (field.number == 11) {
      ProtoReader event(field.bytes);
      ProtoField part;
      while (event.next(part)) {
        sequence.default_track = part.number == 11 ? part.value : sequence.default_track;
      }
    }
  }
}

// Intake's thread for what is on a track.
uint32_t PerfettoTrace::row_of(uint64_t uuid) {
  PacketTrack& track = tracks_[uuid];
  if (track.row != UINT32_MAX) {
    return track.row;
  }
  if (track.is_thread) {
    track.row = intake_.thread(track.pid, track.tid);
    if (!track.name.empty()) {
      intake_.threads[track.row].names.push_back(track.name);
    }
    return track.row;
  }
  // The process it is under; the deeper calls of a thread of ours are that thread's.
  const PacketTrack* above = &track;
  for (int steps = 0; steps < 16 && !above->is_thread && !above->is_process; ++steps) {
    const auto parent = tracks_.find(above->parent);
    if (above->parent == 0 || parent == tracks_.end()) {
      break;
    }
    above = &parent->second;
  }
  const std::string name = track.name;
  if (facts_.own && above->is_thread && name.find(kDeeper) != name.npos) {
    const uint32_t row = row_of(track.parent);
    return tracks_[uuid].row = row;
  }
  const int64_t pid = above->is_thread || above->is_process ? above->pid : 0;
  track.row = intake_.thread(pid, kFirstTrackTid + static_cast<int64_t>(intake_.threads.size()));
  intake_.threads[track.row].names.push_back(name.empty() ? fmt::format("track {:x}", uuid) : name);
  return track.row;
}

std::string PerfettoTrace::name_of(const Event& event, const PacketSequence& sequence) const {
  if (event.name_iid != 0) {
    const auto found = sequence.event_names.find(event.name_iid);
    return found != sequence.event_names.end() ? found->second
                                               : fmt::format("(name {})", event.name_iid);
  }
  return event.name.empty() ? "(no name)" : std::string(event.name);
}

Status PerfettoTrace::slice_begin(const Event& event, Record record, PacketSequence& sequence) {
  record.kind = static_cast<uint32_t>(RecordKind::kBegin);
  if (event.name_iid != 0) {
    const auto [found, fresh] = sequence.call_names.try_emplace(event.name_iid, 0);
    if (fresh) {
      found->second = intake_.name(NameUse::kCall, name_of(event, sequence));
    }
    record.name = found->second;
  } else {
    record.name = intake_.name(NameUse::kCall, name_of(event, sequence));
  }
  payload_.clear();
  arguments_.begin();
  for (const PacketAnnotation& one : annotations_) {
    if (one.name == "caller_lineno") {
      record.line = static_cast<uint32_t>(std::min<uint64_t>(one.number, 0xff'ffff)) & 0xff'ffffu;
    } else {
      each_argument(one, [&](const PacketAnnotation& argument) {
        arguments_.add(intake_, record.name, argument.name, argument.text);
      });
    }
  }
  arguments_.finish(payload_, {});
  return intake_.add(record, payload_);
}

Status PerfettoTrace::slice_end(Record record) {
  record.kind = static_cast<uint32_t>(RecordKind::kEnd);
  returned_.clear();
  told_.begin();
  bool ended = true;
  for (const PacketAnnotation& one : annotations_) {
    if (one.name == "return_value") {
      append_text_value(returned_, one.text);
    } else if (facts_.own && one.name == "unfinished") {
      ended = false;
    } else {
      each_argument(one, [&](const PacketAnnotation& argument) {
        told_.add(intake_, argument.name, argument.text);
      });
    }
  }
  VTN_TRY(told_.finish(intake_, record, ended));
  return ended ? intake_.add(record, returned_) : Status();
}

// What draws the process tree in a trace of ours.
Status PerfettoTrace::tree_event(const Event& event, const Record& record, PacketTrack& track) {
  const ImportedThread& row = intake_.threads[record.thread];
  switch (event.type) {
    case EventType::kBegin:
      track.draws_programs = true;  // their ends say nothing
      processes_.program(row.pid, record.ns, !track.is_thread, annotations_);
      break;
    case EventType::kInstant:
      // A thread with deeper rows has its starts on a track of their own; what is on its own track
      // then is of no thread that is known.
      processes_.start(row.pid,
                       !track.is_thread   ? row.pid
                       : track.has_deeper ? 0
                                          : row.tid,
                       annotations_);
      break;
    default:
      break;
  }
  return {};
}

Status PerfettoTrace::event(const Event& event, uint64_t ns, PacketSequence& sequence) {
  const uint64_t uuid = event.has_track ? event.track : sequence.default_track;
  if (ns > kMostNs) {
    intake_.leave_out("events have no time that makes sense, and are left out");
    return {};
  }
  annotations_.clear();
  for (const std::string_view message : event.annotations) {
    annotations_.push_back(PacketAnnotation::read(message, sequence, 0));
  }
  if (event.flows && !facts_.own) {
    intake_.leave_out("ends of flow arrows are left out: a recording has those of processes only");
  }
  Record record = {};
  record.ns = record.end_ns = ns;
  if (event.type == EventType::kCounter) {
    const PacketTrack& counter = tracks_[uuid];
    const std::string name = counter.name.empty() ? name_of(event, sequence) : counter.name;
    const uint64_t own = sequence.default_track;
    record.thread = own != 0 && own != uuid ? row_of(own) : row_of(uuid);
    record.kind = static_cast<uint32_t>(RecordKind::kCounter);
    record.name = intake_.name(NameUse::kCounter, name);
    payload_.clear();
    append_value_name(payload_, "");
    append_number_value(payload_, event.number);
    return intake_.add(record, payload_);
  }
  if (event.type == EventType::kNone || event.type > EventType::kCounter) {
    intake_.leave_out(event.legacy ? "events of the older kind (legacy_event) are left out"
                                   : "events of unknown type are left out");
    return {};
  }
  record.thread = row_of(uuid);
  PacketTrack& track = tracks_[uuid];
  std::string category(event.category);
  if (category.empty() && event.category_iid != 0) {
    const auto found = sequence.categories.find(event.category_iid);
    category = found != sequence.categories.end() ? found->second : "";
  }
  if (facts_.own && category == kTreeCategory) {
    return tree_event(event, record, track);
  }
  if (event.type == EventType::kEnd && track.draws_programs) {
    processes_.program_ends(intake_.threads[record.thread].pid, ns);
    return {};
  }
  switch (event.type) {
    case EventType::kBegin:
      return slice_begin(event, record, sequence);
    case EventType::kEnd:
      return slice_end(record);
    default:
      break;
  }
  const std::string name = name_of(event, sequence);
  if (category == kThreadCategory && name.starts_with(kRenamed)) {
    record.kind = static_cast<uint32_t>(RecordKind::kRenamed);
    return intake_.add(record, name.substr(kRenamed.size()));
  }
  record.kind = static_cast<uint32_t>(RecordKind::kInstant);
  std::vector<std::pair<std::string, std::string>> values;
  for (const PacketAnnotation& one : annotations_) {
    values.emplace_back(one.name, one.text);
  }
  return intake_.add_instant(record, name, category, values);
}

bool PerfettoTrace::take(std::string_view packet, int depth) {
  ProtoReader from(packet);
  ProtoField field;
  uint64_t sequence_id = 0;
  uint64_t timestamp = 0;
  uint64_t clock = 0;
  uint64_t flags = 0;
  std::string_view event_message;
  std::string_view interned;
  std::string_view defaults;
  std::string_view snapshot;
  std::string_view descriptor;
  bool has_event = false;
  while (from.next(field)) {
    switch (field.number) {
      case 6:
        snapshot = field.bytes;
        break;
      case 8:
        timestamp = field.value;
        break;
      case 10:
        sequence_id = field.value;
        break;
      case 11:
        event_message = field.bytes;
        has_event = true;
        break;
      case 12:
        interned = field.bytes;
        break;
      case 13:
        flags = field.value;
        break;
      case 50: {  // compressed_packets
        std::string packets;
        if (depth != 0 || !inflate_piece(field.bytes, kMostPacketBytes, packets)) {
          return false;
        }
        ProtoReader inside(packets);
        ProtoField one;
        while (inside.next(one)) {
          if (one.number == kPacket && !take(one.bytes, depth + 1)) {
            return false;
          }
        }
        return !inside.damaged();
      }
      case 58:
        clock = field.value;
        break;
      case 59:
        defaults = field.bytes;
        break;
      case 60:
        descriptor = field.bytes;
        break;
      case 126:
        attributes(field.bytes);
        break;
      default:
        break;
    }
  }
  if (from.damaged()) {
    return false;
  }
  has_packets_ = true;
  PacketSequence& sequence = sequences_[sequence_id];
  if ((flags & 1) != 0) {  // SEQ_INCREMENTAL_STATE_CLEARED
    sequence.clear_interned();
  }
  if (!defaults.empty()) {
    sequence_defaults(defaults, sequence);
  }
  if (!interned.empty()) {
    sequence.intern(interned);
  }
  if (!snapshot.empty()) {
    clocks_.snapshot(snapshot, sequence);
  }
  if (!descriptor.empty()) {
    track(descriptor);
  }
  if (!has_event) {
    return true;
  }
  Event read;
  if (!read_event(event_message, read)) {
    return false;
  }
  const uint64_t ns = clocks_.to_ns(timestamp, clock, sequence);
  status_ = event(read, ns, sequence);
  return status_.has_value();
}

}  // namespace

Status read_perfetto_trace(
    ByteSource& source, Intake& intake, Facts& facts, std::string& who, bool partial) {
  PerfettoTrace trace(intake, facts);
  std::string window;
  size_t at = 0;
  uint64_t offset = 0;  // of the window
  Status status;
  const auto damaged = [&](const char* what) {
    return fail(
        fmt::format("{} {} at offset {}{}: viztracer-native --recover {} -o OUT makes a "
                    "report of what is in front of it",
                    source.path(),
                    what,
                    offset + at,
                    source.gzip() ? " of what is compressed" : "",
                    source.path()));
  };
  for (;;) {
    // A packet, whole, or more of the file.
    spool::VarintReader from(window.data() + at, window.data() + window.size());
    const uint64_t tag = from.next();
    const uint64_t size = from.next();
    const auto head = static_cast<size_t>(from.at() - (window.data() + at));
    if (!from.failed() && ((tag & 7) != 2 || size > kMostPacketBytes)) {
      status = damaged("is damaged");
      break;
    }
    if (from.failed() || size > window.size() - at - head) {
      window.erase(0, at);
      offset += at;
      at = 0;
      const size_t had = window.size();
      window.resize(
          had + std::max(kReadBytes, from.failed() ? 0 : size + head - std::min(size + head, had)));
      auto got = source.read(window.data() + had, window.size() - had);
      window.resize(had + got.value_or(0));
      if (!got) {
        status = tl::unexpected<Error>(std::move(got).error());
        break;
      }
      if (*got == 0) {
        if (had != 0) {
          status = damaged("is cut short");
        }
        break;
      }
      continue;
    }
    if ((tag >> 3) == kPacket && !trace.take({window.data() + at + head, size})) {
      VTN_TRY(trace.status());
      status = damaged("is damaged");
      break;
    }
    at += head + size;
  }
  if (!status && (!partial || !trace.has_packets())) {
    return status;
  }
  if (!status) {
    intake.leave_out("end of the file is missing: " + status.error().message);
  }
  trace.finish(who);
  return {};
}

}  // namespace vtn::importer
