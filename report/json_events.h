// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Calls as Chrome trace events, in the layout that VizTracer writes:
//   {"pid":1,"tid":2,"ts":123.456,"ph":"X","cat":"FEE","dur":0.789,"name":"f (x.py:3)"}
// Each is written as it ends and preceded by a comma, so pieces can be put behind one another.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "report/json_names.h"
#include "report/number_format.h"
#include "report/report_writer.h"

namespace vtn {

// What every event of a thread begins with, for each kTrackDepth calls of depth.
struct JsonTrack {
  uint32_t tid = 0;
  std::string prefix;  // followed by kCopyBlock bytes that may be read
  size_t prefix_bytes = 0;
};

// All that is known before the first event. Immutable.
struct JsonLayout {
  JsonLayout(const TraceModel& model, const ClockMap& clock);

  const TraceModel& model;
  const ClockMap& clock;
  uint64_t offset_ns;                             // taken off every stamp
  std::vector<std::unique_ptr<JsonNames>> names;  // by image
  std::vector<std::vector<JsonTrack>> tracks;     // by thread, then depth / kTrackDepth
  std::vector<UntoldLoss> losses;
  std::vector<JsonTrack> loss_tracks;  // by loss
};

class JsonPieceMaker final : public PieceMaker {
 public:
  explicit JsonPieceMaker(const JsonLayout& layout) : layout_(layout) {}
  Status encode(const FrameInfo& info, const DecodedFrame& frame, ByteBuffer& to) override;

 private:
  struct Open {
    const NameTail* tail;
    uint64_t ns;
  };
  template <bool kDeep>
  class Sink;
  const NameTail* tail_of(const JsonNames& names, uint32_t id);
  const NameTail* keep(std::string text);

  const JsonLayout& layout_;
  TimeFormat time_;
  std::vector<const NameTail*> functions_;
  std::vector<Open> stack_;
  // Names that are not functions of the image: gaps, ids that nobody has named.
  std::deque<std::pair<std::string, NameTail>> extra_;
};

// One event outside the hot path. `ph` is 'X' or 'B' (then without dur).
void append_json_call(std::string& to,
                      const JsonTrack& track,
                      uint64_t start_ns,
                      uint64_t duration_ns,
                      char ph,
                      std::string_view name_tail);

}  // namespace vtn
