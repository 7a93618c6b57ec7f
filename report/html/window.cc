// SPDX-License-Identifier: Apache-2.0
#include "report/html/window.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/frame_reader.h"
#include "report/html/block.h"
#include "report/html/values_json.h"
#include "report/text.h"
#include "spool/replay.h"

namespace vtn::report {

namespace {

// The functions of an answer, each once.
class Functions {
 public:
  explicit Functions(const spool::ImageInfo& image) : image_(image) {}

  uint32_t number_of(FunctionIndex index) {
    const auto [found, is_new] = numbers_.try_emplace(index, next_);
    if (is_new) {
      const spool::FunctionInfo* const function = function_at(image_, index);
      add(page_function_name(function),
          function != nullptr && function->kind == FunctionKind::kPython ? function->file : "",
          function != nullptr && function->kind == FunctionKind::kPython ? function->line : 0,
          page_function_kind(function));
    }
    return found->second;
  }
  uint32_t hole() {
    if (hole_ == kNothing) {
      hole_ = next_;
      add(kPageHoleName, "", 0, kPageHole);
    }
    return hole_;
  }
  const std::string& json() const { return json_; }

 private:
  void add(const std::string& name, const std::string& file, uint32_t line, PageFunctionKind kind) {
    json_ += fmt::format("{}[{},{},{},{}]",
                         next_ == 0 ? "" : ",\n",
                         json_quoted(name),
                         json_quoted(file),
                         line,
                         static_cast<int>(kind));
    ++next_;
  }

  const spool::ImageInfo& image_;
  std::unordered_map<FunctionIndex, uint32_t> numbers_;
  std::string json_;
  uint32_t next_ = 0;
  uint32_t hole_ = kNothing;
};

class Collect {
 public:
  Collect(const Picture& picture, uint32_t thread, uint32_t page_thread, uint64_t offset_ns)
      : clock_(picture.clock),
        image_(picture.model.images[picture.model.threads[thread].image]),
        offset_ns_(offset_ns),
        functions_(image_),
        block_(page_thread) {}

  Status take(const spool::DecodedFrame& frame) {
    depth_ = frame.head.lowest_open;
    stack_.clear();
    for (size_t i = frame.closed.size(); i-- > 0;) {
      stack_.push_back(open(frame.closed[i].id, clock_.to_ns(frame.closed[i].start_ticks)));
    }
    begun_.clear();
    for (const uint32_t id : frame.functions) {
      begun_.push_back(open(id, 0));
    }
    if (!frame.has_notes()) {
      Sink<false> sink(*this);
      return spool::replay_frame(frame, clock_, sink);
    }
    lines_.start(frame);
    values_.start();
    Sink<true> sink(*this);
    return spool::replay_frame(frame, clock_, sink);
  }

  std::string answer(uint64_t from_ns, uint64_t to_ns) {
    flush();
    const std::string json =
        fmt::format("{{\"from_ns\":{},\"to_ns\":{},\"functions\":[{}],\"values\":[{}]}}",
                    from_ns,
                    to_ns,
                    functions_.json(),
                    value_rows_);
    const auto bytes = static_cast<uint32_t>(json.size());
    return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes)) + json + blocks_;
  }

 private:
  struct Open {
    uint64_t start_ns;
    uint32_t function;
    uint32_t id;
    uint32_t flags;
  };

  template <bool kNotes>
  struct Sink {
    explicit Sink(Collect& of) : collect(of) {}
    Collect& collect;

    void begin(uint32_t function, uint64_t ns) {
      if constexpr (kNotes) {
        (void)collect.lines_.begin(function);
        (void)collect.values_.begin();
      }
      Open open = collect.begun_[function];
      open.start_ns = ns;
      collect.stack_.push_back(open);
    }
    void special(const spool::Special& /*special*/, uint64_t ns) {
      if constexpr (kNotes) {
        collect.lines_.begin_other();
        (void)collect.values_.begin();
      }
      collect.stack_.push_back({ns, collect.functions_.hole(), 0, 0});
    }
    void end(uint64_t ns, uint32_t how) {
      std::string values;
      if constexpr (kNotes) {
        const uint32_t line = collect.lines_.end();
        const CallValues::Ended ended = collect.values_.end();
        values = call_values_json(line, ended, collect.image_.function(collect.stack_.back().id));
      }
      collect.end(ns, how, values);
    }
    void note(const spool::Note& note, uint64_t /*ns*/) requires kNotes {
      collect.lines_.note(note);
      (void)collect.values_.note(note);
    }
  };

  Open open(uint32_t id, uint64_t start_ns) {
    const spool::FunctionInfo* const function = image_.function(id);
    const bool resumed = function != nullptr && function->resumed();
    return {start_ns,
            functions_.number_of(function_index(image_, resumed ? id - 1 : id)),
            id,
            resumed ? uint32_t{kRowResumed} : 0};
  }

  void end(uint64_t ns, uint32_t how, const std::string& values) {
    const Open call = stack_.back();
    stack_.pop_back();
    const auto depth = depth_ + static_cast<uint32_t>(stack_.size());
    if (!values.empty()) {
      value_rows_ += fmt::format(
          "{}[{},{},{}]", value_rows_.empty() ? "" : ",\n", depth, block_.next_row(depth), values);
    }
    const uint32_t flags = how == spool::kOpUnwind ? uint32_t{kRowRaised}
                           : how == spool::kOpCut  ? uint32_t{kRowCut}
                                                   : 0;
    block_.add(depth, call.start_ns, ns, call.function, call.flags | flags);
    if (block_.full()) {
      flush();
    }
  }

  void flush() {
    if (block_.rows() != 0) {
      blocks_ += block_.pack(offset_ns_);
    }
  }

  const spool::ClockMap& clock_;
  const spool::ImageInfo& image_;
  const uint64_t offset_ns_;
  Functions functions_;
  BlockBuilder block_;
  std::string blocks_;
  std::string value_rows_;
  std::vector<Open> stack_;  // from depth_ on
  std::vector<Open> begun_;  // of the frame at hand, without times
  uint32_t depth_ = 0;
  CallerLines lines_;
  CallValues values_;
};

}  // namespace

PageWindows::PageWindows(const spool::Reader& spool, const Picture& picture)
    : spool_(spool),
      picture_(picture),
      threads_(picture),
      offset_ns_(page_start_ns(picture, threads_)),
      frames_(picture.model.threads.size()) {
  for (uint32_t i = 0; i < picture.model.frames.size(); ++i) {
    frames_[picture.model.frames[i].thread].push_back(i);
  }
}

Result<std::string> PageWindows::rows(uint32_t page_thread,
                                      uint64_t from_ns,
                                      uint64_t to_ns,
                                      uint64_t most_calls) const {
  if (page_thread >= threads() || from_ns > to_ns) {
    return fail(fmt::format(
        "there is no thread {}, or no time from {} to {}", page_thread, from_ns, to_ns));
  }
  const uint32_t thread = threads_.model_thread[page_thread];
  const spool::Model& model = picture_.model;
  const std::vector<uint32_t>& frames = frames_[thread];
  const auto begin_ns = [&](size_t i) {
    const uint64_t ns = i == 0 ? picture_.clock.to_ns(model.threads[thread].first_ticks)
                               : picture_.clock.to_ns(model.frames[frames[i]].previous_ticks);
    return ns - std::min(ns, offset_ns_);
  };
  const auto end_ns = [&](size_t i) {
    if (i + 1 < frames.size()) {
      return begin_ns(i + 1);
    }
    const uint64_t ns = picture_.clock.to_ns(model.threads[thread].last_ticks);
    return ns - std::min(ns, offset_ns_);
  };
  // A frame more on either side: what is drawn near the edges lies in them.
  size_t first = 0;
  for (size_t step = frames.size(); step != 0;) {  // the first that ends at from_ns or later
    const size_t half = step / 2;
    if (end_ns(first + half) < from_ns) {
      first += half + 1;
      step -= half + 1;
    } else {
      step = half;
    }
  }
  first -= first != 0 ? 1 : 0;
  size_t last = first;
  uint64_t calls = 0;
  while (last < frames.size() && begin_ns(last) <= to_ns) {
    calls += model.frames[frames[last++]].calls;
  }
  last = std::min(last + 1, frames.size());
  if (calls > most_calls) {
    const std::string json =
        "{\"too_many\":true,\"from_ns\":0,\"to_ns\":0,\"functions\":[],\"values\":[]}";
    const auto bytes = static_cast<uint32_t>(json.size());
    return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes)) + json;
  }
  Collect collect(picture_, thread, page_thread, offset_ns_);
  FrameReader reader;
  for (size_t i = first; i < last; ++i) {
    VTN_TRY(reader.read(spool_, model.frames[frames[i]], [&](const spool::DecodedFrame& frame) {
      return collect.take(frame);
    }));
  }
  return collect.answer(first == last ? from_ns : begin_ns(first),
                        first == last ? to_ns : end_ns(last - 1));
}

std::string page_name(const spool::Reader& spool) {
  return fmt::format("{:016x}-{}", spool.model().header.trace_id, spool.end_offset());
}

uint64_t page_start_ns(const Picture& picture, const PageThreads& threads) {
  uint64_t first_ns = picture.start_ns;
  for (const uint32_t thread : threads.model_thread) {
    first_ns = std::min(first_ns, picture.clock.to_ns(picture.model.threads[thread].first_ticks));
  }
  return first_ns == UINT64_MAX ? 0 : first_ns;
}

}  // namespace vtn::report
