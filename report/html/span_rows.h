// SPDX-License-Identifier: Apache-2.0
//
// Spans that are no part of a thread's stack (NoteKind::kSpan) as rows of a page: on a track of
// their own behind the threads, whose depths are lanes. A span has the lowest lane that is free
// when it begins, so what lies in another is drawn below that. Thread-bound but for the end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/html/block.h"
#include "spool/codec.h"

namespace vtn::report {

struct PageRun;

// All spans of a name.
struct SpanSums {
  uint64_t spans = 0;
  uint64_t total_ns = 0;
};

// What the tables say of such a track.
struct SpanTrack {
  uint32_t thread = 0;  // of the model: whose spans they are
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  std::vector<uint32_t> rows;  // by lane
};

class SpanRows {
 public:
  // `thread`: of the model.
  SpanRows(PageRun& run, uint32_t thread);

  // In the order of the thread's record.
  void begin(const spool::Note& note);
  void end(const spool::Note& note);

 private:
  friend Status finish_spans(PageRun& run);

  // Key of its name and stamp of its beginning: within an image no other span has both.
  using Key = std::pair<uint64_t, uint64_t>;
  struct Open {
    uint32_t lane;
    std::string bytes;  // its values, as they were noted
  };
  // One whose beginning this thread has not told of: another one has, or nobody.
  struct Ended {
    Key key;
    uint64_t end_ns;
    std::string values;  // JSON
    bool drawn = false;
  };
  using EndedElsewhere = std::map<std::pair<uint32_t, Key>, Ended*>;  // by image

  uint32_t number_of(uint64_t key);
  void row(
      uint32_t lane, const Key& key, uint64_t end_ns, uint32_t flags, const std::string& values);
  void close_open(const EndedElsewhere& ended);
  void place_ended();
  void flush();
  void flush_values();
  void keep(Status status);

  PageRun& run_;
  const uint32_t thread_;
  const uint32_t image_;
  const uint32_t track_;  // the page's number
  BlockBuilder block_;
  std::map<Key, Open> open_;
  std::set<uint32_t> free_lanes_;
  std::vector<uint64_t> lanes_;  // when the last row of each ends
  std::vector<Ended> ended_;
  std::unordered_map<uint64_t, uint32_t> numbers_;  // the page's, by key
  std::string value_rows_;
  uint64_t values_from_ns_ = UINT64_MAX;
  uint64_t values_to_ns_ = 0;
  uint64_t start_ns_ = UINT64_MAX;
  uint64_t end_ns_ = 0;
  std::unordered_map<uint32_t, SpanSums> sums_;  // by the page's number
  Status status_;
};

// All threads have been read: joins spans that ended in other threads than they began in, closes
// those that never ended, and hands over the rest.
Status finish_spans(PageRun& run);

}  // namespace vtn::report
