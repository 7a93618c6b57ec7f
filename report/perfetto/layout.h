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

// All that is known before the first event. Immutable.
struct PerfettoLayout {
  PerfettoLayout(const spool::Model& model, const spool::ClockMap& clock, bool python_only);

  uint64_t process_uuid(uint32_t process) const;   // what its tracks lie in
  uint64_t programs_uuid(uint32_t process) const;  // the track of its traced programs
  uint64_t starts_uuid(uint32_t process) const;    // for arrows that have no place on a thread
  uint64_t loss_uuid(uint32_t image) const;
  uint64_t counter_uuid(uint32_t image, uint32_t id) const;  // of a mark's name
  bool incremental(uint32_t thread) const;                   // its stamps are differences

  const spool::Model& model;
  const spool::ClockMap& clock;
  const Picture picture;
  uint64_t start_ns;                               // no event is earlier
  std::vector<std::vector<PerfettoTrack>> tracks;  // by thread, then depth / kTrackDepth
  std::vector<uint64_t> main_lines;                // by process: uuids of its main thread
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
