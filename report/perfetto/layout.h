// SPDX-License-Identifier: Apache-2.0
//
// What a Perfetto file has of tracks, sequences and names, for whoever writes a part of it.
#pragma once

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "report/picture.h"
#include "spool/clock_map.h"
#include "spool/model.h"

namespace vtn::report {

struct PerfettoTrack {
  uint32_t sequence = 0;
  uint64_t uuid = 0;
};

// All that is known before the first event. Immutable from then on.
struct PerfettoLayout {
  PerfettoLayout(const spool::Model& model, const spool::ClockMap& clock, bool python_only);

  // Whether clocks are set; they are, unless this says no: then all stamps are absolute, and of the
  // trace's own clock, whichever that is.
  void set_clocks(bool wanted);

  uint64_t process_uuid(uint32_t process) const;   // what its tracks lie in
  uint64_t programs_uuid(uint32_t process) const;  // the track of its traced programs
  uint64_t starts_uuid(uint32_t thread) const;     // for arrows that may be too deep on its track
  uint64_t loss_uuid(uint32_t image) const;
  uint64_t counter_uuid(uint32_t image, uint32_t id) const;               // of a mark's name
  uint64_t span_uuid(uint32_t image, uint32_t id, uint64_t ticks) const;  // that began then
  // Whether the calls of the process's program are on lines of their own, so that it is a slice of
  // the track of programs; else it is one of the main line.
  bool has_own_lines(uint32_t process, const Picture::Program& program) const;

  const spool::Model& model;
  const spool::ClockMap& clock;
  const Picture picture;
  uint64_t start_ns;                               // no event is earlier
  bool sets_clocks = true;                         // there is a snapshot of them
  std::vector<std::vector<PerfettoTrack>> tracks;  // by thread, then depth / kTrackDepth
  std::vector<uint32_t> clocks;  // by thread: the incremental one of its stamps; 0: absolute ones
  std::vector<uint64_t> main_lines;  // by process: uuids of its main thread
  std::vector<uint64_t> arrow_ends;  // by thread: the flow that its first call ends; 0: none
  std::vector<bool> leads_to_call;   // by process: its arrow does
  // By thread, where calls are open before its first frame: the offset of the frame that they are
  // begun in front of; kNoFrame: there is none.
  std::map<uint32_t, uint64_t> begins_before;
  static constexpr uint64_t kNoFrame = UINT64_MAX;
  std::vector<std::vector<const std::string*>> names;  // by image, then function

 private:
  void choose_tracks();
  void end_arrows();
  void find_begins();

  std::unordered_set<std::string> texts_;  // one for a name, however many images have it
};

}  // namespace vtn::report
