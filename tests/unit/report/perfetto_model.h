// SPDX-License-Identifier: Apache-2.0
//
// What Perfetto makes of a trace, as far as we use the format: packet sequences with their state,
// the incremental clock, interning, tracks and slices. Written from the format's rules, with a
// protocol-buffer reader that is not ours; it complains of whatever Perfetto would drop.
#pragma once

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
};

struct PerfettoTrackInfo {
  uint64_t parent = 0;
  uint64_t pid = 0;
  uint64_t tid = 0;
  std::string name;
  std::vector<Slice> slices;  // in order of their beginnings
  std::vector<size_t> open;
  uint64_t last_ns = 0;
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
  }

  std::vector<std::string> errors;
  std::map<uint64_t, PerfettoTrackInfo> tracks;  // by uuid
  std::map<uint64_t, std::string> processes;     // names by pid
  std::map<std::string, std::string> attributes;
  std::map<uint32_t, uint64_t> first_snapshot;  // clock -> value

  size_t slice_count() const {
    size_t count = 0;
    for (const auto& [uuid, track] : tracks) {
      count += track.slices.size();
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

 private:
  struct Sequence {
    bool valid = false;
    std::map<uint64_t, std::string> names;
    uint32_t default_clock = 0;
    uint64_t default_track = 0;
    bool has_clock = false;
    uint64_t clock_ns = 0;  // of the incremental clock
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
      while (from.next(2)) {
        protozero::pbf_reader entry(from.get_message());
        uint64_t iid = 0;
        std::string name;
        while (entry.next()) {
          entry.tag() == 1 ? void(iid = entry.get_uint64()) : void(name = entry.get_string());
        }
        if (iid == 0) {
          complain("iid 0");
        }
        sequence.names[iid] = name;
      }
    }
    if (snapshot.data() != nullptr) {
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
    while (from.next()) {
      if (from.tag() == 1) {
        uuid = from.get_uint64();
      } else if (from.tag() == 5) {
        track.parent = from.get_uint64();
      } else if (from.tag() == 2) {
        track.name = from.get_string();
      } else if (from.tag() == 3) {
        protozero::pbf_reader process(from.get_message());
        uint64_t pid = 0;
        std::string name;
        while (process.next()) {
          if (process.tag() == 1) {
            pid = process.get_uint64();
          } else if (process.tag() == 6) {
            name = process.get_string();
          } else {
            process.skip();
          }
        }
        processes[pid] = name;
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
    if (uuid == 0 || !tracks.try_emplace(uuid, track).second) {
      complain("a track's uuid is 0 or used twice");
    }
  }

  void read_event(protozero::pbf_reader from, Sequence& sequence, uint64_t ns) {
    uint64_t type = 0;
    uint64_t iid = 0;
    std::string name;
    uint64_t uuid = sequence.default_track;
    while (from.next()) {
      if (from.tag() == 9) {
        type = from.get_uint64();
      } else if (from.tag() == 10) {
        iid = from.get_uint64();
      } else if (from.tag() == 23) {
        name = from.get_string();
      } else if (from.tag() == 11) {
        uuid = from.get_uint64();
      } else {
        from.skip();
      }
    }
    const auto found = tracks.find(uuid);
    if (found == tracks.end()) {
      complain("an event on a track without a descriptor");
      return;
    }
    PerfettoTrackInfo& track = found->second;
    if (ns <= track.last_ns) {
      complain("stamps of a track do not increase");
    }
    track.last_ns = ns;
    if (type == 1) {
      if (iid != 0) {
        const auto interned = sequence.names.find(iid);
        if (interned == sequence.names.end()) {
          complain("a name that is not interned");
        } else {
          name = interned->second;
        }
      }
      if (name.empty()) {
        complain("a slice without a name");
      }
      if (track.open.size() >= 512) {
        complain("deeper than 512 on one track");
      }
      track.open.push_back(track.slices.size());
      track.slices.push_back(Slice{name, ns, 0, track.open.size() - 1});
    } else if (type == 2) {
      if (track.open.empty()) {
        complain("an end without a slice");
        return;
      }
      track.slices[track.open.back()].end_ns = ns;
      track.open.pop_back();
    } else {
      complain("an event of type " + std::to_string(type));
    }
  }

  std::map<uint32_t, Sequence> sequences_;
  uint64_t trace_clock_ns_ = 0;
};

}  // namespace vtn::test
