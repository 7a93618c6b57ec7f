// SPDX-License-Identifier: Apache-2.0
//
// What Perfetto makes of a trace, as far as we use the format: packet sequences with their state,
// the incremental clock, interning, tracks, slices, instants and flows. Events are sorted by time,
// those of one time by their place in the file, before they are looked at. Written from the
// format's rules, with a protocol-buffer reader that is not ours; it complains of whatever Perfetto
// would drop.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include "tests/support/catch.h"

namespace vtn::test {

struct Slice {
  std::string name;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;  // 0: still open
  size_t depth = 0;
  std::string category;
  std::string inside;                            // what is open around it on its track
  std::map<std::string, std::string> args = {};  // arrays joined by spaces
};

struct PerfettoTrackInfo {
  uint64_t parent = 0;
  uint64_t pid = 0;
  uint64_t tid = 0;
  std::string name;
  std::vector<Slice> slices;    // in order of their beginnings
  std::vector<Slice> instants;  // start_ns is when
  std::vector<size_t> open;
  bool counts = false;
  std::vector<std::pair<uint64_t, double>> values;  // of a counter: when, what
};

struct PerfettoProcess {
  uint64_t uuid = 0;
  std::string name;
  std::vector<std::string> cmdline;
  uint64_t start_ns = 0;
  uint64_t order = 0;
};

// An arrow: names and times of its two ends.
struct Flow {
  std::string from;
  uint64_t from_ns = 0;
  std::string from_inside;
  std::string to;
  uint64_t to_ns = 0;
};

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
      count += track.name == "process" ? 0 : track.slices.size();
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
    std::map<uint64_t, std::string> names;
    std::map<uint64_t, std::string> annotations;  // names of these
    uint32_t default_clock = 0;
    uint64_t default_track = 0;
    bool has_clock = false;
    uint64_t clock_ns = 0;                      // of the incremental clock
    std::map<uint64_t, uint64_t> last_ns = {};  // by track
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
      sequence.names.clear();
      sequence.annotations.clear();
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
        if (from.tag() != 2 && from.tag() != 3) {
          from.skip();
          continue;
        }
        std::map<uint64_t, std::string>& to =
            from.tag() == 2 ? sequence.names : sequence.annotations;
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
    if (clock == 64) {
      if (!sequence.has_clock) {
        complain("an incremental stamp before the clock was set");
      }
      sequence.clock_ns += timestamp;
      ns = sequence.clock_ns;
    } else if (clock != 3) {
      complain("a stamp of clock " + std::to_string(clock));
    }
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
      if (clock == 64) {
        if (!incremental) {
          complain("clock 64 is not incremental");
        }
        sequence.has_clock = true;
        sequence.clock_ns = ns;
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

  // name -> text; an array's values are joined by spaces.
  std::string read_value(protozero::pbf_reader from, const Sequence& sequence, std::string& name) {
    std::string value;
    while (from.next()) {
      switch (from.tag()) {
        case 1: {
          const auto interned = sequence.annotations.find(from.get_uint64());
          if (interned == sequence.annotations.end()) {
            complain("an annotation's name that is not interned");
          } else {
            name = interned->second;
          }
          break;
        }
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
        case 12: {
          std::string none;
          const std::string entry = read_value(from.get_message(), sequence, none);
          value += value.empty() ? entry : " " + entry;
          break;
        }
        default:
          from.skip();
      }
    }
    return value;
  }

  void read_event(protozero::pbf_reader from, Sequence& sequence, uint64_t ns) {
    Event event;
    event.ns = ns;
    event.track = sequence.default_track;
    uint64_t iid = 0;
    while (from.next()) {
      switch (from.tag()) {
        case 4: {
          std::string name;
          std::string value = read_value(from.get_message(), sequence, name);
          event.args[name] = value;
          break;
        }
        case 9:
          event.type = from.get_uint64();
          break;
        case 10:
          iid = from.get_uint64();
          break;
        case 11:
          event.track = from.get_uint64();
          break;
        case 22:
          event.category = from.get_string();
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
        default:
          from.skip();
      }
    }
    if (iid != 0) {
      const auto interned = sequence.names.find(iid);
      if (interned == sequence.names.end()) {
        complain("a name that is not interned");
      } else {
        event.name = interned->second;
      }
    }
    if (!tracks.contains(event.track)) {
      complain("an event on a track without a descriptor");
      return;
    }
    if (event.type != kInstant && event.type != kCounter) {
      uint64_t& last_ns = sequence.last_ns[event.track];
      if (ns <= last_ns) {
        complain("stamps of a track do not increase");
      }
      last_ns = ns;
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
    if (event.type == kEnd) {
      if (track.open.empty()) {
        complain("an end without a slice");
        return;
      }
      Slice& slice = track.slices[track.open.back()];
      slice.end_ns = event.ns;
      slice.args.insert(event.args.begin(), event.args.end());
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

  void take_flow(const Event& event, const std::string& inside) {
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

  std::vector<Event> events_;
  std::map<uint32_t, Sequence> sequences_;
  uint64_t trace_clock_ns_ = 0;
  uint64_t last_pid_ = 0;  // of the descriptor at hand
};

}  // namespace vtn::test
