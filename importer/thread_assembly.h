// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. From the sorted records of one thread to calls that nest. What does not:
//
//   a call that outlasts its caller by no more than kRoundingNs is cut where that ends: times were
//   rounded; one that does by more gets a row of its own beside the thread's
//   an end without its begin is dropped; a begin that never ends stays open, or is cut where the
//   call around it ends
//
// All of it is counted. Thread-bound.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "importer/intake.h"
#include "spool/frame_builder.h"

namespace vtn::importer {

inline constexpr uint64_t kRoundingNs = 2000;

struct AssemblyCounts {
  uint64_t calls = 0;
  uint64_t shortened = 0;  // by how much at most:
  uint64_t most_shortened_ns = 0;
  uint64_t beside = 0;  // calls that are on rows of their own
  uint64_t cut = 0;
  uint64_t stray_ends = 0;
  uint64_t too_deep = 0;
  spool::MovedStamps moved;
};

// What a name is in an image.
struct ImageFunction {
  uint32_t id = 0;  // 0: not known yet, if it is no gap
  bool python = false;
  bool gap = false;
  uint64_t lost_events = 0;
  GapReason gap_reason = GapReason::kArenaFull;
};

class ThreadAssembly {
 public:
  // Of the image and the rest of the import.
  struct Context {
    spool::Writer& writer;
    spool::FrameEncoder& encoder;
    spool::FrameCodes& codes;
    AssemblyCounts& counts;
    uint32_t image;
    uint64_t offset_ns;  // added to every stamp
    // Of a name; told to the recording where it is new.
    std::function<Result<ImageFunction>(uint32_t name)> function;
    // A row is needed, the n-th of the thread: its number and tid; its names have been told.
    std::function<Result<std::pair<uint32_t, uint32_t>>(size_t row)> row;
  };
  explicit ThreadAssembly(Context context) : context_(std::move(context)) {}

  Status take(const Record& record, uint64_t order, std::string_view payload);
  Status finish();

 private:
  struct Open {
    uint64_t end_ns;    // UINT64_MAX: not known
    uint64_t limit_ns;  // it ends then at the latest
    uint64_t order;
    uint32_t sequence;  // of the frame it began in
    bool unwound;
    uint64_t arguments;  // how many
    std::string values;  // of the arguments
    std::string returned;
    std::string told;  // names and values
    bool never_ends;
  };
  struct Row {
    Row(const Context& context, uint32_t thread_number, uint32_t tid)
        : builder(
              context.writer, context.encoder, context.codes, context.image, thread_number, tid),
          thread(thread_number) {}
    spool::FrameBuilder builder;
    uint32_t thread;
    std::vector<Open> open;  // outermost first
  };

  Result<Row*> row(size_t at);
  Status close_until(Row& row, uint64_t ns, bool mark, const Record* next, uint64_t order);
  Status end_top(Row& row, uint64_t ns, spool::OpCode how);
  Status begin(const Record& record, uint64_t order, std::string_view payload);
  Status begin_on(
      Row& row, const Record& record, uint64_t end_ns, uint64_t order, std::string_view payload);
  // The innermost call that was begun by itself and may end; null: there is none.
  static Open* begun_of(Row& row);
  Status told(const Record& record, std::string_view payload);
  Status end(const Record& record, std::string_view payload);

  Context context_;
  std::vector<std::unique_ptr<Row>> rows_;
};

}  // namespace vtn::importer
