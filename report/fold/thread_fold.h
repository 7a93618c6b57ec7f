// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. One thread's calls on their way into a folded recording (recording.h).
// By the definition of folder.h, but calls leave as they begin, as a recording has them: a call is
// kept as soon as it has lasted T, or something is in it that keeps it, so those that are kept are
// the outermost ones that are open; and what is within the next one that is open is all short.
// Memory: what is open, and one group for each.
//
// Thread-bound but for what all threads share.
#pragma once

#include <atomic>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/mutex.h"
#include "base/result.h"
#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/fold/call_log.h"
#include "report/in_order.h"
#include "spool/clock_map.h"
#include "spool/frame_builder.h"
#include "spool/writer.h"

namespace vtn::report {

// What a fold is called: by the functions that it has most calls of. Names are given in a names
// stream as they come. Thread-safe.
class FoldNames {
 public:
  FoldNames(const spool::Model& model, spool::Writer& writer);
  // The id, in that image, of a fold with these functions.
  Result<uint32_t> id_of(uint32_t image, std::span<const FunctionCount> functions);

 private:
  struct Image {
    uint32_t next_id = 0;
    std::map<std::vector<uint32_t>, uint32_t> ids;  // by the functions that are named
  };

  const spool::Model& model_;
  spool::Writer& writer_;
  Mutex mutex_;
  std::vector<Image> images_ VTN_GUARDED_BY(mutex_);
};

// What all threads of a folded recording share, and what adds up.
struct FoldRun {
  const spool::Model& model;
  const spool::ClockMap& clock;
  spool::Writer& writer;
  uint64_t short_below_ns = 0;
  uint64_t most_pins = UINT64_MAX;  // so many marks keep what they lie in
  FoldNames names;

  std::atomic<uint64_t> pins{0};
  std::atomic<uint64_t> folds{0};
  std::atomic<uint64_t> slices{0};  // that are folded
  std::atomic<uint64_t> calls{0};   // of these: without those of generators that went on
  std::atomic<uint64_t> values{0};  // of these: had some
};

// Where a thread's frames go on.
struct FoldStart {
  uint32_t sequence = 0;
  uint64_t ticks = 0;    // its last stamp
  bool has_ops = false;  // it is an op's
};

class ThreadFold final : public ThreadPass {
 public:
  ThreadFold(FoldRun& run, uint32_t thread, const FoldStart& start);

  Status take(const spool::FrameInfo& info, const spool::DecodedFrame& frame) override;
  // The record is at its end.
  Status finish();

 private:
  struct Call {
    uint64_t start_ticks = 0;
    uint64_t start_ns = 0;
    uint32_t id = 0;
    uint32_t line = 0;
    uint32_t arguments = 0;  // how many values are known
    std::string argument_values;
  };
  // Short calls within one call, one after the other.
  struct Group {
    uint64_t calls = 0;  // of all depths; 0: there is none
    uint64_t start_ticks = 0;
    uint64_t end_ticks = 0;
    uint64_t end_ns = 0;
    uint64_t busy_ns = 0;
    uint64_t raised = 0;
    uint64_t with_values = 0;
    CallLog::Part log;
    // Where there is one call only: it, and its end.
    Call only;
    spool::OpCode how = spool::kOpReturn;
    bool has_returned = false;
    std::string returned;
    std::string named;  // values that the program attached
  };
  struct Level {
    Call call;
    bool gap = false;
    uint32_t sequence = 0;  // of the frame in which it was begun
    size_t log_begin = 0;
    Group inner;
  };
  class Sink;

  Level& push();
  Status begin(uint32_t id, uint32_t line, const spool::Note* arguments, uint64_t ns);
  Status begin_gap(const spool::Special& special, uint64_t ns);
  Status end(spool::OpCode how, const CallValues::Ended& values, uint64_t ns);
  Status end_kept(spool::OpCode how, const CallValues::Ended& values);
  void end_short(spool::OpCode how, const CallValues::Ended& values, uint64_t ns);
  Status mark(const spool::Note& note);
  Status keep_until(uint64_t ns);
  Status keep_all();
  Status keep_next();
  Status leave_group();
  Status put_fold(const Group& group, std::span<const FunctionCount> functions);
  Status put_begin(const Call& call, uint32_t& sequence);
  // One that somebody may have named.
  uint32_t known_id(uint32_t id) const;
  bool is_python(uint32_t id) const;

  FoldRun& run_;
  const spool::ImageInfo& image_;
  spool::FrameEncoder encoder_;
  spool::FrameCodes codes_;
  spool::FrameBuilder builder_;
  CallerLines lines_;
  CallValues values_;
  CallLog log_;
  std::vector<Level> levels_;  // the thread itself, then its open calls; those beyond are spare
  size_t open_ = 1;            // of levels_
  size_t kept_ = 1;            // of these: they are begun in the recording
  std::string counts_;
  uint64_t ticks_ = 0;  // of the op at hand
  bool ended_ = false;
};

}  // namespace vtn::report
