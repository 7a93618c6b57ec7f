// SPDX-License-Identifier: Apache-2.0
//
// What Perfetto makes of a trace, as far as we use the format: packet sequences with their state,
// the incremental clock, interning, tracks, slices, instants and flows. Events are sorted by time,
// those of one time by their place in the file, before they are looked at. Written from the
// format's rules, with a protocol-buffer reader that is not ours; it complains of whatever Perfetto
// would drop, and of what makes it slow or its picture poor.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include "tests/support/catch.h"
#include "tests/unit/report/perfetto_tracks.h"

namespace vtn::test {

class PerfettoModel {
 public:
  explicit PerfettoModel(const std::string& bytes) {
    protozero::pbf_reader trace(bytes);
    while (trace.next()) {
      if (trace.tag() != 1) {
        complain("something that is not a packet");
        trace.skip();
        continue;
      }
      packet(trace.get_message());
    }
    std::stable_sort(
        events_.begin(), events_.end(), [](const Event& a, const Event& b) { return a.ns < b.ns; });
    for (const Event& event : events_) {
      take(event);
    }
    for (const auto& [id, flow] : flows) {
      if (flow.to.empty()) {
        complain("a flow that leads nowhere");
      }
    }
    // Stamps of no clock are of the trace's, whichever that is.
    if (stamps_[snapshots == 0] != 0) {
      complain("stamps of a clock without a snapshot, or of none beside one");
    }
  }

  std::vector<std::string> errors;
  std::map<uint64_t, PerfettoTrackInfo> tracks;       // by uuid; of a process: its own slices
  std::map<uint64_t, std::string> processes;          // names by pid
  std::map<uint64_t, PerfettoProcess> process_infos;  // by pid
  std::map<uint64_t, Flow> flows;
  std::map<std::string, std::string> attributes;
  std::map<uint32_t, uint64_t> first_snapshot;  // clock -> value
  size_t snapshots = 0;                         // each is a line of the UI's "Clock Snapshots"

  // Calls: not what processes ran.
  size_t slice_count() const {
    size_t count = 0;
    for (const auto& [uuid, track] : tracks) {
      count += static_cast<size_t>(
          std::count_if(track.slices.begin(), track.slices.end(), [](const Slice& slice) {
            return slice.category != "process";
          }));
    }
    return count;
  }
  const PerfettoTrackInfo& track_of(uint64_t tid) const {
    for (const auto& [uuid, track] : tracks) {
      if (track.tid == tid) {
        return track;
      }
    }
    FAIL("no track of thread " << tid);
    return tracks.begin()->second;
  }
  // The track of that name within a process.
  const PerfettoTrackInfo& track_in(uint64_t pid, const std::string& name) const {
    for (const auto& [uuid, track] : tracks) {
      if (track.name == name && track.parent != 0 && track.parent == process_infos.at(pid).uuid) {
        return track;
      }
    }
    FAIL("no track " << name << " in process " << pid);
    return tracks.begin()->second;
  }

 private:
  struct Sequence {
    bool valid = false;
    std::map<uint32_t, std::map<uint64_t, std::string>> interned;  // by field of InternedData
    uint32_t default_clock = 0;
    uint64_t default_track = 0;
    std::map<uint32_t, uint64_t> clocks;  // incremental ones: what they stand at
  };

  void complain(const std::string& what) {
    if (errors.size() < 20) {
      errors.push_back(what);
    }
  }

  void packet(protozero::pbf_reader reader) {
    uint32_t id = 0;
    uint32_t flags = 0;
    uint64_t timestamp = 0;
    bool has_timestamp = false;
    uint32_t clock = 0;
    protozero::data_view event;
    protozero::data_view interned;
    protozero::data_view defaults;
    protozero::data_view snapshot;
    protozero::data_view descriptor;
    while (reader.next()) {
      switch (reader.tag()) {
        case 8:
          timestamp = reader.get_uint64();
          has_timestamp = true;
          break;
        case 10:
          id = reader.get_uint32();
          break;
        case 11:
          event = reader.get_view();
          break;
        case 12:
          interned = reader.get_view();
          break;
        case 13:
          flags = reader.get_uint32();
          break;
        case 6:
          snapshot = reader.get_view();
          break;
        case 58:
          clock = reader.get_uint32();
          break;
        case 59:
          defaults = reader.get_view();
          break;
        case 60:
          descriptor = reader.get_view();
          break;
        case 126:
          read_attributes(reader.get_message());
          break;
        default:
          reader.skip();
      }
    }
    if (id == 0) {
      complain("a packet without a sequence");
      return;
    }
    Sequence& sequence = sequences_[id];
    if ((flags & 1) != 0) {
      sequence.valid = true;
      sequence.interned.clear();
      sequence.default_clock = 0;
      sequence.default_track = 0;
    }
    if (defaults.data() != nullptr) {
      protozero::pbf_reader from(defaults);
      while (from.next()) {
        if (from.tag() == 58) {
          sequence.default_clock = from.get_uint32();
        } else if (from.tag() == 11) {
          protozero::pbf_reader track(from.get_message());
          while (track.next()) {
            track.tag() == 11 ? void(sequence.default_track = track.get_uint64()) : track.skip();
          }
        } else {
          from.skip();
        }
      }
    }
    if (interned.data() != nullptr) {
      if (!sequence.valid) {
        complain("interned data before the state was cleared");
      }
      protozero::pbf_reader from(interned);
      while (from.next()) {
        if (from.tag() > kInternedAnnotations) {
          from.skip();
          continue;
        }
        std::map<uint64_t, std::string>& to = sequence.interned[from.tag()];
        protozero::pbf_reader entry(from.get_message());
        uint64_t iid = 0;
        std::string name;
        while (entry.next()) {
          entry.tag() == 1 ? void(iid = entry.get_uint64()) : void(name = entry.get_string());
        }
        if (iid == 0) {
          complain("iid 0");
        }
        to[iid] = name;
      }
    }
    if (snapshot.data() != nullptr) {
      ++snapshots;
      read_snapshot(protozero::pbf_reader(snapshot), sequence);
    }
    if (event.data() == nullptr && descriptor.data() == nullptr) {
      return;
    }
    if (!has_timestamp) {
      complain("an event without a stamp");
      return;
    }
    if ((flags & 2) != 0 && !sequence.valid) {
      complain("a packet needs state that is not there");
      return;
    }
    if (clock == 0) {
      clock = sequence.default_clock;
    }
    uint64_t ns = timestamp;
    if (clock >= kFirstOwnClock && clock <= kLastOwnClock) {
      if (!sequence.clocks.contains(clock)) {
        complain("an incremental stamp before the clock was set");
      }
      ns = sequence.clocks[clock] += timestamp;
    } else if (clock != 3 && clock != 0) {
      complain("a stamp of clock " + std::to_string(clock));
    }
    ++stamps_[clock != 0];
    if (descriptor.data() != nullptr) {
      read_descriptor(protozero::pbf_reader(descriptor));
    } else {
      read_event(protozero::pbf_reader(event), sequence, ns);
    }
  }

  void read_attributes(protozero::pbf_reader from) {
    while (from.next(1)) {
      protozero::pbf_reader attribute(from.get_message());
      std::string key;
      std::string value;
      while (attribute.next()) {
        attribute.tag() == 1 ? void(key = attribute.get_string())
                             : void(value = attribute.get_string());
      }
      attributes[key] = value;
    }
  }

  void read_snapshot(protozero::pbf_reader from, Sequence& sequence) {
    while (from.next()) {
      if (from.tag() != 1) {
        from.skip();
        continue;
      }
      protozero::pbf_reader entry(from.get_message());
      uint32_t clock = 0;
      uint64_t ns = 0;
      bool incremental = false;
      while (entry.next()) {
        if (entry.tag() == 1) {
          clock = entry.get_uint32();
        } else if (entry.tag() == 2) {
          ns = entry.get_uint64();
        } else if (entry.tag() == 3) {
          incremental = entry.get_bool();
        } else {
          entry.skip();
        }
      }
      first_snapshot.try_emplace(clock, ns);
      if (clock >= kFirstOwnClock && clock <= kLastOwnClock) {
        if (!incremental) {
          complain("a clock of a sequence is not incremental");
        }
        sequence.clocks[clock] = ns;
      } else if (clock == 3) {
        // trace_processor: "the trace clock is not monotonic at snapshot"
        if (ns < trace_clock_ns_) {
          complain("the trace clock went backwards in a snapshot");
        }
        trace_clock_ns_ = ns;
      }
    }
  }

  void read_descriptor(protozero::pbf_reader from) {
    uint64_t uuid = 0;
    PerfettoTrackInfo track;
    PerfettoProcess process;
    while (from.next()) {
      if (from.tag() == 1) {
        uuid = from.get_uint64();
      } else if (from.tag() == 5) {
        track.parent = from.get_uint64();
      } else if (from.tag() == 2) {
        track.name = from.get_string();
      } else if (from.tag() == 8) {
        track.counts = true;
        from.skip();
      } else if (from.tag() == 3) {
        read_process(from.get_message(), process);
      } else if (from.tag() == 4) {
        protozero::pbf_reader thread(from.get_message());
        while (thread.next()) {
          if (thread.tag() == 1) {
            track.pid = thread.get_uint64();
          } else if (thread.tag() == 2) {
            track.tid = thread.get_uint64();
          } else if (thread.tag() == 5) {
            track.name = thread.get_string();
          } else {
            thread.skip();
          }
        }
      } else {
        from.skip();
      }
    }
    if (track.pid == 0 && track.parent == 0 && uuid == 0) {
      return;  // the root
    }
    if (uuid == 0 || !tracks.try_emplace(uuid, track).second) {
      complain("a track's uuid is 0 or used twice");
    }
    if (const uint64_t pid = last_pid_; pid != 0) {
      last_pid_ = 0;
      process.uuid = uuid;
      processes[pid] = process.name;
      if (!process_infos.try_emplace(pid, process).second) {
        complain("a pid that two processes have");
      }
    }
  }

  void read_process(protozero::pbf_reader from, PerfettoProcess& to) {
    while (from.next()) {
      switch (from.tag()) {
        case 1:
          last_pid_ = from.get_uint64();
          break;
        case 2:
          to.cmdline.push_back(from.get_string());
          break;
        case 3:
          to.order = from.get_uint64();
          break;
        case 6:
          to.name = from.get_string();
          break;
        case 7:
          to.start_ns = from.get_uint64();
          break;
        default:
          from.skip();
      }
    }
  }

  struct Event {
    uint64_t ns = 0;
    uint64_t type = 0;
    uint64_t track = 0;
    uint64_t flow = 0;
    bool flow_ends = false;
    std::string name;
    std::string category;
    std::map<std::string, std::string> args;
    double value = 0;
  };

  std::string interned(const Sequence& sequence, uint32_t field, uint64_t iid) {
    const auto table = sequence.interned.find(field);
    if (table == sequence.interned.end() || !table->second.contains(iid)) {
      complain("interned data of field " + std::to_string(field) + " that are not there");
      return "";
    }
    return table->second.at(iid);
  }

  // name -> text; an array's values are joined by spaces, a dictionary's go to `members`.
  std::string read_value(protozero::pbf_reader from,
                         const Sequence& sequence,
                         std::string& name,
                         std::map<std::string, std::string>& members) {
    std::string value;
    while (from.next()) {
      switch (from.tag()) {
        case 1:
          name = interned(sequence, kInternedAnnotations, from.get_uint64());
          break;
        case 10:
          name = from.get_string();
          break;
        case 2:
          value = from.get_bool() ? "true" : "false";
          break;
        case 3:
          value = std::to_string(from.get_uint64());
          break;
        case 4:
          value = std::to_string(from.get_int64());
          break;
        case 6:
          value = from.get_string();
          break;
        case 11: {
          std::string member;
          const std::string entry = read_value(from.get_message(), sequence, member, members);
          members[member] = entry;
          break;
        }
        case 12: {
          std::string none;
          const std::string entry = read_value(from.get_message(), sequence, none, members);
          value += value.empty() ? entry : " " + entry;
          break;
        }
        default:
          from.skip();
      }
    }
    return value;
  }

  void read_event(protozero::pbf_reader from, const Sequence& sequence, uint64_t ns) {
    Event event;
    event.ns = ns;
    event.track = sequence.default_track;
    while (from.next()) {
      switch (from.tag()) {
        case 3:
          event.category = interned(sequence, kInternedCategories, from.get_uint64());
          break;
        case 4: {
          std::string name;
          std::map<std::string, std::string> members;
          std::string value = read_value(from.get_message(), sequence, name, members);
          event.args[name] = value;
          for (const auto& [member, entry] : members) {
            event.args[name + "." + member] = entry;
          }
          break;
        }
        case 9:
          event.type = from.get_uint64();
          break;
        case 10:
          event.name = interned(sequence, kInternedNames, from.get_uint64());
          break;
        case 11:
          event.track = from.get_uint64();
          break;
        case 22:
          complain("a category that is not interned: " + from.get_string());
          break;
        case 23:
          event.name = from.get_string();
          break;
        case 30:
          event.value = static_cast<double>(from.get_int64());
          break;
        case 44:
          event.value = from.get_double();
          break;
        case 47:
        case 48:
          event.flow_ends = from.tag() == 48;
          event.flow = from.get_fixed64();
          break;
        case 33:
        case 34:
          complain("a source location: three rows of a table for each");
          from.skip();
          break;
        default:
          from.skip();
      }
    }
    if (!tracks.contains(event.track)) {
      complain("an event on a track without a descriptor");
      return;
    }
    events_.push_back(std::move(event));
  }

  // In the order of time.
  void take(const Event& event) {
    PerfettoTrackInfo& track = tracks.at(event.track);
    if (event.type == kCounter || track.counts) {
      if (event.type != kCounter || !track.counts) {
        complain("a counter's value, or its track, where there is none");
      }
      track.values.emplace_back(event.ns, event.value);
      return;
    }
    if (event.type != kInstant) {
      if (event.ns <= track.last_ns && !track.slices.empty()) {
        complain("two stamps of a track are the same");
      }
      track.last_ns = event.ns;
    }
    if (event.type == kEnd) {
      if (track.open.empty()) {
        complain("an end without a slice");
        return;
      }
      Slice& slice = track.slices[track.open.back()];
      slice.end_ns = event.ns;
      for (const auto& [name, value] : event.args) {
        slice.args[name] = value;
      }
      track.open.pop_back();
      return;
    }
    if (event.type != kBegin && event.type != kInstant) {
      complain("an event of type " + std::to_string(event.type));
      return;
    }
    if (event.name.empty()) {
      complain("a slice without a name");
    }
    if (track.open.size() >= 512) {
      complain("deeper than 512 on one track");
    }
    const std::string inside = track.open.empty() ? "" : track.slices[track.open.back()].name;
    const Slice slice = {
        event.name, event.ns, 0, track.open.size(), event.category, inside, event.args};
    if (event.flow != 0) {
      take_flow(event, inside);
    }
    if (event.type == kInstant) {
      track.instants.push_back(slice);
    } else {
      track.open.push_back(track.slices.size());
      track.slices.push_back(slice);
    }
  }

  // Of a thread, or a row that lies in one.
  bool is_of_thread(const PerfettoTrackInfo& track) const {
    const auto parent = tracks.find(track.parent);
    return track.tid != 0 || (parent != tracks.end() && parent->second.tid != 0);
  }

  void take_flow(const Event& event, const std::string& inside) {
    if (!is_of_thread(tracks.at(event.track))) {
      complain("an arrow begins or ends where there is no thread: " + event.name);
    }
    if (event.flow_ends) {
      const auto found = flows.find(event.flow);
      if (found == flows.end() || !found->second.to.empty()) {
        complain("a flow ends that has not begun, or again");
        return;
      }
      found->second.to = event.name;
      found->second.to_ns = event.ns;
    } else if (!flows.try_emplace(event.flow, Flow{event.name, event.ns, inside, "", 0}).second) {
      complain("a flow's id is used twice");
    }
  }

  static constexpr uint64_t kBegin = 1;
  static constexpr uint64_t kEnd = 2;
  static constexpr uint64_t kInstant = 3;
  static constexpr uint64_t kCounter = 4;
  static constexpr uint32_t kInternedCategories = 1;
  static constexpr uint32_t kInternedNames = 2;
  static constexpr uint32_t kInternedAnnotations = 3;
  static constexpr uint32_t kFirstOwnClock = 64;  // of a sequence
  static constexpr uint32_t kLastOwnClock = 127;

  std::vector<Event> events_;
  std::map<uint32_t, Sequence> sequences_;
  uint64_t trace_clock_ns_ = 0;
  size_t stamps_[2] = {};  // of no clock, of one that is named
  uint64_t last_pid_ = 0;  // of the descriptor at hand
};

}  // namespace vtn::test
