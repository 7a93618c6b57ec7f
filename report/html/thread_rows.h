// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. What a page holds of one thread: its calls as they end, folded where
// they are too short (report/fold/folder.h), values of those that are kept, marks; and once more in
// the coarsest picture. Thread-bound but for what all threads share.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/fold/folder.h"
#include "report/html/block.h"
#include "report/html/block_pipe.h"
#include "report/html/function_sets.h"
#include "report/html/functions.h"
#include "report/html/span_rows.h"
#include "report/in_order.h"
#include "report/picture.h"

namespace vtn::report {

// Blocks of calls on their way into elements, small ones together: an element costs a browser as
// much as ten thousand rows. Only the last block of a thread may be small. Thread-safe.
class CallBlocks {
 public:
  explicit CallBlocks(BlockPipe& pipe) : pipe_(pipe) {}
  Status put(std::string block);
  Status flush();

 private:
  BlockPipe& pipe_;
  Mutex mutex_;
  std::string small_ VTN_GUARDED_BY(mutex_);
};

// What all threads of a page are written with, and what adds up.
struct PageRun {
  const Picture& picture;
  const PageFunctions& functions;
  uint64_t offset_ns = 0;             // taken off every time
  uint64_t fold_below_ns = 0;         // 0: every call is kept
  uint64_t overview_below_ns = 0;     // 0: there is no coarser picture
  uint64_t most_pins = UINT64_MAX;    // so many marks keep what they lie in
  std::vector<uint32_t> page_thread;  // by the model's threads; kNothing: not shown
  BlockPipe& pipe;
  CallBlocks& calls;
  uint32_t first_span_track = 0;  // tracks of spans are numbered behind the threads

  FunctionSets sets{};
  std::atomic<uint64_t> pins{0};
  std::atomic<uint64_t> rows{0};
  std::atomic<uint64_t> kept_calls{0};  // without slices of generators that went on
  std::atomic<uint64_t> folds{0};
  std::atomic<uint64_t> folded_calls{0};
  std::atomic<uint64_t> folded_values{0};  // calls that had some
  Mutex mutex{};
  std::vector<uint64_t> folded_of_function VTN_GUARDED_BY(mutex){};           // by number
  std::vector<std::vector<uint32_t>> rows_of_thread VTN_GUARDED_BY(mutex){};  // by number, depth
  std::string overview VTN_GUARDED_BY(mutex){};                               // blocks
  std::atomic<uint32_t> span_tracks{0};
  std::vector<std::unique_ptr<SpanRows>> spans VTN_GUARDED_BY(mutex){};  // of threads at their end
  // From finish_spans() on: by number of the track; by number of the name.
  std::vector<SpanTrack> tracks VTN_GUARDED_BY(mutex){};
  std::map<uint32_t, SpanSums> sums_of_span VTN_GUARDED_BY(mutex){};
};

// Bytes of JSON, from which on it is a block.
inline constexpr size_t kLongPageText = size_t{2} << 20;

// An element of values: rows of one thread that lie between these times.
Status put_values(
    PageRun& run, uint32_t page_thread, uint64_t from_ns, uint64_t to_ns, const std::string& rows);

class ThreadRows final : public ThreadPass {
 public:
  ThreadRows(PageRun& run, uint32_t thread);

  Status take(const spool::FrameInfo& info, const spool::DecodedFrame& frame) override;
  // The record is at its end: closes what is open, as it is drawn, and hands over the rest.
  Status finish();

 private:
  // A number of a function, and whether it is a slice that goes on: what a Folder counts.
  static uint32_t key_of(uint32_t function, bool resumed) { return function * 2 + resumed; }

  struct Open {
    uint64_t start_ns;
    uint32_t function;
    uint32_t id;        // in the image
    uint32_t flags;     // RowFlag
    uint32_t gap_name;  // index into payloads_; kNoPayload: it is a call
  };

  // Rows of a picture, as blocks. Counts what it is given if `run` has to know.
  class Rows {
   public:
    Rows(ThreadRows& of, bool overview);
    void call(uint32_t depth, const CallRow& row);
    void fold(uint32_t depth, const FoldRow& row);
    void forget(uint32_t payload);
    Status flush();
    std::vector<uint32_t> by_depth() const { return block_.rows_by_depth(); }

   private:
    void count_fold(const FoldRow& row);
    void flush_if_full();

    ThreadRows& of_;
    const bool overview_;
    BlockBuilder block_;
    std::vector<FunctionCount> functions_;  // of a fold, slices with calls
  };

  template <bool kNotes>
  class Sink;

  void begin(uint32_t function, uint32_t id, uint64_t ns, bool resumed);
  void begin_hole(const spool::Special& special, uint64_t ns);
  void end(uint64_t ns, uint32_t flags, uint32_t payload);
  uint32_t payload_of(uint32_t line, const CallValues::Ended& values, uint32_t id);
  uint32_t keep(std::string text);
  void mark(const spool::Note& note, uint64_t ns);
  void instant(uint64_t ns,
               const std::string& name,
               const std::string& category,
               const std::string& values);
  void write_values(uint32_t depth, uint32_t number, const CallRow& row);
  void flush_values();
  void flush_marks();
  void put(const char* kind, std::string attributes, std::string bytes);
  SpanRows& spans();
  void begin_at_first();
  void close_open_calls();

  PageRun& run_;
  const uint32_t thread_;  // of the model
  const uint32_t page_thread_;
  const spool::ImageInfo& image_;
  Rows rows_;
  Rows overview_rows_;
  Folder<Rows> folder_;
  Folder<Rows> overview_;
  const bool has_overview_;
  std::vector<Open> stack_;          // outermost first
  std::vector<uint32_t> functions_;  // of the frame at hand: numbers of the page
  std::vector<uint32_t> ids_;        // likewise: in the image
  std::vector<uint8_t> resumed_;     // likewise
  CallerLines lines_;
  CallValues values_;
  std::vector<std::string> payloads_;     // "line,{...},value" of calls that are not yet rows
  std::vector<uint32_t> free_payloads_;   // indices
  std::string value_rows_;                // of the block of values at hand
  uint64_t values_from_ns_ = UINT64_MAX;  // its calls
  uint64_t values_to_ns_ = 0;
  std::unique_ptr<SpanRows> spans_;
  std::string instants_;  // of the block of marks at hand
  std::map<std::string, std::pair<std::string, std::string>> counters_;  // name -> times, numbers
  size_t counter_bytes_ = 0;
  // What this thread adds to the run.
  uint64_t row_count_ = 0;
  uint64_t kept_calls_ = 0;
  uint64_t folds_ = 0;
  uint64_t folded_calls_ = 0;
  uint64_t folded_values_ = 0;
  std::vector<uint64_t> folded_of_function_;
  Status status_;
};

}  // namespace vtn::report
