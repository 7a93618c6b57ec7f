// SPDX-License-Identifier: Apache-2.0
//
// What packets of a Perfetto trace refer to: clocks, interned texts, tracks. Field numbers are
// those of Perfetto's protos/perfetto/trace/*.proto, where a number never changes.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "importer/perfetto/proto.h"

namespace vtn::importer {

// Packets of one sequence share what was interned in it, and its defaults.
struct PacketSequence {
  std::unordered_map<uint64_t, std::string> event_names;
  std::unordered_map<uint64_t, std::string> annotation_names;
  std::unordered_map<uint64_t, std::string> categories;
  std::unordered_map<uint64_t, std::string> texts;    // of annotations
  std::unordered_map<uint64_t, uint32_t> call_names;  // Intake's, by interned name
  uint64_t default_track = 0;
  uint64_t default_clock = 0;
  struct Clock {
    uint64_t now = 0;  // of its own
    uint64_t unit_ns = 1;
    int64_t offset_ns = 0;  // to the trace's clock
    bool incremental = false;
  };
  std::map<uint64_t, Clock> clocks;  // of its own: ids from 64 on

  void clear_interned() {
    event_names.clear();
    annotation_names.clear();
    categories.clear();
    texts.clear();
    call_names.clear();
  }
  void intern(std::string_view data);
};

class PacketClocks {
 public:
  // A ClockSnapshot.
  void snapshot(std::string_view message, PacketSequence& sequence);
  // Nanoseconds of the trace's clock; moves incremental ones on.
  uint64_t to_ns(uint64_t timestamp, uint64_t clock, PacketSequence& sequence) const;
  // CLOCK_REALTIME less the trace's clock; 0: not known.
  uint64_t realtime_base_ns() const { return realtime_base_ns_; }

 private:
  uint64_t primary_ = 0;                    // 0: not told so far
  std::map<uint64_t, int64_t> offsets_ns_;  // of clocks, to the trace's
  uint64_t realtime_base_ns_ = 0;
};

struct PacketTrack {
  uint64_t parent = 0;
  bool is_thread = false;
  bool is_process = false;
  bool is_counter = false;
  bool has_deeper = false;      // in a trace of ours: another track has its deeper slices
  bool draws_programs = false;  // in a trace of ours: slices are programs, not calls
  int64_t pid = 0;
  int64_t tid = 0;
  std::string name;
  uint32_t row = UINT32_MAX;  // Intake's thread
};

// A DebugAnnotation: its name, and what it says as text.
struct PacketAnnotation {
  std::string name;
  std::string text;
  uint64_t number = 0;
  std::vector<PacketAnnotation> members;  // of a dictionary; of a list without names
  bool list = false;

  static PacketAnnotation read(std::string_view message, const PacketSequence& sequence, int depth);
  std::vector<std::string> texts() const;  // of a list
};

}  // namespace vtn::importer
