// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Calls as Chrome trace events, in the layout that VizTracer writes:
//   {"pid":1,"tid":2,"ts":123.456,"ph":"X","cat":"FEE","dur":0.789,"name":"f (x.py:3)"}
// A slice of a generator that goes on, which is no call, has "resumed":true as well. Each is
// written as it ends and preceded by a comma, so pieces can be put behind one another.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/json/names.h"
#include "report/json/number_format.h"
#include "report/open_spans.h"
#include "report/picture.h"
#include "report/pieces.h"

namespace vtn::report {

// What every event of a thread begins with, for each kTrackDepth calls of depth.
struct JsonTrack {
  uint32_t pid = 0;
  uint32_t tid = 0;
  std::string prefix;  // followed by kCopyBlock bytes that may be read
  size_t prefix_bytes = 0;
};

// All that is known before the first event. Immutable.
struct JsonLayout {
  JsonLayout(const spool::Model& model, const spool::ClockMap& clock, bool python_only);

  // Where an arrow begins: the line of the thread it comes from.
  const JsonTrack& source_of(const Picture::Arrow& arrow) const;

  const spool::Model& model;
  const spool::ClockMap& clock;
  const Picture picture;
  uint64_t offset_ns = 0;  // taken off every stamp
  JsonNames names;
  std::vector<std::vector<JsonTrack>> tracks;  // by thread, then depth / kTrackDepth
  std::vector<JsonTrack> main_lines;           // by process
  // By process; tid 0: none. For arrows from threads whose own line may be full at that moment.
  std::vector<JsonTrack> start_lines;
  std::vector<UntoldLoss> losses;
  std::vector<JsonTrack> loss_tracks;  // by loss
};

class JsonPieceMaker final : public PieceMaker {
 public:
  JsonPieceMaker(const JsonLayout& layout, OpenSpans& spans) : layout_(layout), spans_(spans) {}
  Status encode(const spool::FrameInfo& info,
                const spool::DecodedFrame& frame,
                ByteBuffer& to) override;

 private:
  struct Open {
    const NameTail* tail;
    uint64_t ns;
    uint32_t id;  // of its function; in frames with notes
  };
  template <bool kDeep, bool kNotes>
  class Sink;
  template <bool kDeep, bool kNotes>
  Status replay(const std::vector<JsonTrack>& tracks,
                uint32_t image,
                const spool::DecodedFrame& frame,
                ByteBuffer& to);
  const NameTail* tail_of(uint32_t image, uint32_t id);
  const NameTail* keep(std::string text);

  const JsonLayout& layout_;
  OpenSpans& spans_;
  uint32_t thread_ = 0;  // of the frame at hand
  TimeFormat time_;
  std::vector<const NameTail*> functions_;
  std::vector<Open> stack_;
  CallerLines lines_;
  CallValues values_;
  // Names that are not functions of the image: gaps, ids that nobody has named.
  std::deque<std::pair<std::string, NameTail>> extra_;
};

// The members of a fold: what calls it stands for. Preceded by a comma.
std::string json_fold(const JsonLayout& layout, uint32_t image, const spool::Note& note);

// What is told of a call: the line that it was made from (0: not known), as VizTracer writes it and
// where viewers show it; its values; and that it never ended. Each member is preceded by a comma.
std::string json_notes(uint32_t line,
                       const CallValues::Ended& values,
                       const spool::FunctionInfo* function,
                       bool unfinished = false);

// A span that is no part of the stack: its beginning and its end, which Perfetto puts on a track of
// its name.
std::string json_span(const spool::Note& note,
                      const JsonTrack& track,
                      uint64_t begin_ns,
                      uint64_t end_ns,
                      const spool::FunctionInfo* function);
// Of one that never ended: its beginning alone, which viewers draw to the end.
std::string json_open_span(const spool::Note& note,
                           const JsonTrack& track,
                           uint64_t begin_ns,
                           const spool::FunctionInfo* function);

// An instant, which is named by `function` (may be null). `offset_ns`: has been taken off its time.
std::string json_mark(const spool::Note& note,
                      const JsonTrack& track,
                      uint64_t ns,
                      uint64_t offset_ns,
                      const spool::FunctionInfo* function);

// One event outside the hot path, up to its category: `,{"pid":..,"ts":..,"ph":..,"cat":..`.
void append_json_event(
    std::string& to, const JsonTrack& track, uint64_t ns, char ph, std::string_view category);
void append_json_duration(std::string& to, uint64_t ns);

}  // namespace vtn::report
