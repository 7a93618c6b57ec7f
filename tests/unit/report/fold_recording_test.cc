// SPDX-License-Identifier: Apache-2.0
//
// Recordings in which short calls are folded, for reports that take no more: their slices are the
// rows that the Folder of pages makes of the same calls, and everything else stays.
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/fold/fold_note.h"
#include "report/fold/folder.h"
#include "report/fold/recording.h"
#include "report/write_report.h"
#include "spool/replay.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

using report::CallRow;
using report::FoldRow;

constexpr int kThreads = 4;
constexpr int kEventsOfThread = 20'000;
constexpr char kValue[] = "T";  // value_abi.h: True

// A mark's own value (value_abi.h): True.
const std::string kMarkValue = std::string(2, '\0') + kValue;

// Calls of all kinds: with values or not, raising, cut, open at the end; marks and losses.
void call_at_random(FakeProcess& process) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 20; ++i) {
    ids.push_back(process.python("f" + std::to_string(i), "/tmp/x.py", i + 1));
  }
  const uint32_t said = process.function(FunctionKind::kInstant, "said", "print");
  const uint32_t number = process.function(FunctionKind::kCounter, "number", "counter");
  for (int i = 0; i < kThreads; ++i) {
    FakeThread thread = process.thread(100 + static_cast<uint32_t>(i));
    std::mt19937 random(static_cast<uint32_t>(i));
    std::vector<uint32_t> open;
    uint64_t now = 2000;
    for (int event = 0; event < kEventsOfThread; ++event) {
      now += 1 + random() % (random() % 50 == 0 ? 5000 : 200);
      const bool begins = open.empty() || (open.size() < 12 && random() % 2 == 0);
      const auto luck = random() % 1000;
      if (luck < 2) {
        thread.mark(now, NoteKind::kInstant, said, kMarkValue);
      } else if (luck < 4) {
        thread.mark(now, NoteKind::kCounter, number, kMarkValue);
      }
      now += 1;
      if (begins) {
        open.push_back(ids[random() % ids.size()]);
        if (luck > 900) {
          thread.note(now, static_cast<uint32_t>(NoteKind::kArguments), 1, kValue);
        }
        if (luck > 800) {
          thread.note(now, static_cast<uint32_t>(NoteKind::kCallerLine), 7 + luck);
        }
        thread.enter(now, open.back());
        continue;
      }
      if (luck > 950) {
        thread.note(now, static_cast<uint32_t>(NoteKind::kReturnValue), 0, kValue);
      }
      if (luck < 100) {
        thread.unwind(now, open.back());
      } else if (luck == 100 && open.size() > 2) {
        open.pop_back();  // its own end is never seen
        thread.leave(now, open.back());
      } else {
        thread.leave(now, open.back());
      }
      open.pop_back();
    }
    thread.finish();
  }
}

using Rows = std::map<std::string, uint64_t>;  // how often there is one

std::string text_of(uint32_t thread,
                    uint32_t depth,
                    const CallRow& row,
                    const std::string& values) {
  return fmt::format("{}/{} {}-{} f{} flags {} {}",
                     thread,
                     depth,
                     row.start_ns,
                     row.end_ns,
                     row.function,
                     row.flags & report::kRowFlagsShown,
                     values);
}

std::string text_of(uint32_t thread, uint32_t depth, const FoldRow& row) {
  std::string text = fmt::format("{}/{} {}-{} fold: busy {}, {} calls, {} raised:",
                                 thread,
                                 depth,
                                 row.start_ns,
                                 row.end_ns,
                                 row.busy_ns,
                                 row.calls,
                                 row.raised);
  for (const report::FunctionCount& count : row.functions) {
    text += fmt::format(" {}xf{}", count.calls, count.function);
  }
  return text;
}

// Walks a recording, folded or not, and hands the calls to To as they end.
template <class To>
class Walk {
 public:
  Walk(const spool::Reader& spool, uint32_t thread, To& to)
      : spool_(spool),
        clock_(static_cast<ClockKind>(spool.model().header.clock_kind), spool.model().clock),
        image_(spool.model().images[spool.model().threads[thread].image]),
        thread_(thread),
        to_(to) {}

  void run() {
    spool::FrameDecoder decoder;
    std::string buffer;
    for (const spool::FrameInfo& info : spool_.model().frames) {
      if (info.thread != thread_) {
        continue;
      }
      const auto body = spool_.read_body(info, buffer);
      REQUIRE(body.has_value());
      REQUIRE(decoder.decode(*body, frame_).has_value());
      lines_.start(frame_);
      values_.start();
      REQUIRE(spool::replay_frame(frame_, clock_, *this).has_value());
    }
    const uint64_t end_ns = clock_.to_ns(spool_.model().threads[thread_].last_ticks);
    while (!open_.empty()) {
      finish(end_ns, report::kRowUnfinished | report::kRowPinned, "");
    }
  }

  void begin(uint32_t function, uint64_t ns) {
    const uint32_t line = lines_.begin(function);
    const spool::Note* const told = values_.begin();
    open_.push_back({ns, frame_.functions[function], line, {}});
    if (told != nullptr && report::is_fold(*told)) {
      open_.back().fold = report::FoldNote::read(*told);
    }
  }
  void special(const spool::Special& special, uint64_t ns) {
    lines_.begin_other();
    (void)values_.begin();
    open_.push_back({ns, kGap, static_cast<uint32_t>(special.lost_events), {}});
  }
  void end(uint64_t ns, uint32_t how) {
    (void)lines_.end();
    const report::CallValues::Ended values = values_.end();
    std::string text = fmt::format("line {}", open_.back().line);
    for (const spool::Note* note : {values.arguments, values.return_value}) {
      text += note == nullptr ? ", none" : fmt::format(", {} {}", note->key, note->bytes);
    }
    uint32_t flags = 0;
    flags |= how == spool::kOpUnwind ? uint32_t{report::kRowRaised} : 0u;
    flags |= how == spool::kOpCut ? uint32_t{report::kRowCut} | report::kRowPinned : 0u;
    flags |= open_.back().id == kGap ? uint32_t{report::kRowPinned} : 0u;
    finish(ns, flags, text);
  }
  void note(const spool::Note& note, uint64_t ns) {
    lines_.note(note);
    if (values_.note(note) || note.kind == static_cast<uint32_t>(NoteKind::kCallerLine)) {
      return;
    }
    to_.mark(static_cast<uint32_t>(open_.size()), note, ns);
  }

 private:
  static constexpr uint32_t kGap = 1;

  struct Open {
    uint64_t start_ns;
    uint32_t id;
    uint32_t line;
    std::optional<report::FoldNote> fold;
  };

  void finish(uint64_t ns, uint32_t flags, const std::string& values) {
    const Open call = std::move(open_.back());
    open_.pop_back();
    const auto depth = static_cast<uint32_t>(open_.size());
    if (call.fold) {
      to_.fold(depth,
               FoldRow{call.start_ns,
                       ns,
                       call.fold->busy_ns,
                       call.fold->calls,
                       call.fold->raised,
                       call.fold->functions});
    } else {
      to_.call(depth, CallRow{call.start_ns, ns, call.id, flags, report::kNoPayload}, values);
    }
  }

  const spool::Reader& spool_;
  const spool::ClockMap clock_;
  const spool::ImageInfo& image_;
  const uint32_t thread_;
  To& to_;
  spool::DecodedFrame frame_;
  report::CallerLines lines_;
  report::CallValues values_;
  std::vector<Open> open_;
};

// Folds what it is told by the Folder of pages.
class Folded {
 public:
  Folded(uint32_t thread, uint64_t below_ns, size_t functions, Rows& rows)
      : thread_(thread), rows_(rows), folder_(*this, below_ns, functions) {}

  void call(uint32_t depth, CallRow row, const std::string& values) {
    texts_.push_back(values);
    row.payload = static_cast<uint32_t>(texts_.size());
    folder_.call(depth, row);
  }
  void mark(uint32_t depth, const spool::Note& note, uint64_t /*ns*/) {
    if (note.kind != static_cast<uint32_t>(NoteKind::kCounter)) {
      folder_.pin(depth);
    }
    ++rows_[fmt::format("{} mark {} {} {}", thread_, note.kind, note.ticks, note.bytes)];
  }
  void finish() { folder_.finish(); }

  // As a Sink.
  void call(uint32_t depth, const CallRow& row) {
    ++rows_[text_of(thread_, depth, row, texts_[row.payload - 1])];
  }
  void fold(uint32_t depth, const FoldRow& row) { ++rows_[text_of(thread_, depth, row)]; }
  void forget(uint32_t /*payload*/) {}

 private:
  const uint32_t thread_;
  Rows& rows_;
  std::vector<std::string> texts_;
  report::Folder<Folded> folder_;
};

// Takes it as it is.
struct Taken {
  uint32_t thread;
  Rows& rows;
  uint64_t calls = 0;

  void call(uint32_t depth, const CallRow& row, const std::string& values) {
    ++rows[text_of(thread, depth, row, values)];
  }
  void fold(uint32_t depth, const FoldRow& row) {
    ++rows[text_of(thread, depth, row)];
    calls += row.calls;
  }
  void mark(uint32_t /*depth*/, const spool::Note& note, uint64_t /*ns*/) {
    ++rows[fmt::format("{} mark {} {} {}", thread, note.kind, note.ticks, note.bytes)];
  }
};

// What only one of them has, the first few of it.
std::vector<std::string> differences(const Rows& found, const Rows& expected) {
  constexpr size_t kMost = 10;
  std::vector<std::string> all;
  for (const auto& [row, times] : found) {
    if (const auto other = expected.find(row); other == expected.end() || other->second != times) {
      all.push_back("found " + row);
    }
  }
  for (const auto& [row, times] : expected) {
    if (const auto other = found.find(row); other == found.end() || other->second != times) {
      all.push_back("not found " + row);
    }
  }
  all.resize(std::min(all.size(), kMost));
  return all;
}

}  // namespace

TEST_CASE("A folded recording has the rows that pages have", "[fold_recording]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  call_at_random(process);
  const auto spool = run.read();
  const spool::Model& model = spool->model();
  REQUIRE(model.threads.size() == kThreads);
  const size_t functions = model.images[0].function_of_id.size() + 1;
  for (const uint64_t below_ns : {1, 100, 700, 5000, 1'000'000}) {
    CAPTURE(below_ns);
    report::FoldRequest request;
    request.below_ns = below_ns;
    request.most_rows = UINT64_MAX;
    request.workers = 3;
    const auto made = report::fold_recording(*spool, request, run.folder.path());
    REQUIRE(made.has_value());
    const spool::Model& folded = (*made)->model();
    Rows expected;
    Rows found;
    uint64_t calls = 0;
    for (uint32_t thread = 0; thread < kThreads; ++thread) {
      Folded pages(thread, below_ns, functions, expected);
      Walk(*spool, thread, pages).run();
      pages.finish();
      Taken taken{thread, found};
      Walk(**made, thread, taken).run();
      calls += taken.calls;
      CHECK(folded.threads[thread].tid == model.threads[thread].tid);
      CHECK(folded.threads[thread].lost_events == model.threads[thread].lost_events);
      CHECK(folded.threads[thread].open.size() == model.threads[thread].open.size());
    }
    CHECK(differences(found, expected) == std::vector<std::string>());
    CHECK(calls == folded.folded.slices);
    CHECK(spool::totals_of(folded).calls == spool::totals_of(model).calls);
    CHECK((folded.folded.calls == 0) == (below_ns == 1));
    CHECK(folded.process_ends.size() == model.process_ends.size());
    CHECK(folded.command_line == model.command_line);
  }
}

// It has no stamp of its own.
TEST_CASE("A thread gets its name when it does, among calls that are folded", "[fold_recording]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(100);
  for (uint64_t now = 2000; now < 4000; now += 10) {
    if (now == 3000) {
      thread.note(now, static_cast<uint32_t>(NoteKind::kThreadName), 0, "other");
    }
    thread.enter(now, f);
    thread.leave(now + 5, f);
  }
  thread.finish();
  const auto spool = run.read();
  report::FoldRequest request;
  request.below_ns = 1000;
  request.most_rows = 100;
  const auto made = report::fold_recording(*spool, request, run.folder.path());
  REQUIRE(made.has_value());
  CHECK((*made)->model().folded.folds == 2);
  for (const spool::Reader* const reader : {spool.get(), made->get()}) {
    struct Renamed {
      uint64_t at_ns = 0;
      void call(uint32_t, const CallRow&, const std::string&) {}
      void fold(uint32_t, const FoldRow&) {}
      void mark(uint32_t, const spool::Note&, uint64_t ns) { at_ns = ns; }
    } renamed;
    Walk(*reader, 0, renamed).run();
    CHECK(renamed.at_ns == 3000);
  }
}

TEST_CASE("Functions that nobody has named are folded, too", "[fold_recording]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  FakeThread thread = process.thread(100);
  for (uint64_t now = 2000; now < 4000; now += 10) {
    const auto id = static_cast<uint32_t>(kMaxNameId - now % 3);
    thread.enter(now, id);
    thread.leave(now + 5, id);
  }
  thread.finish();
  const auto spool = run.read();
  report::FoldRequest request;
  request.below_ns = 1000;
  request.most_rows = 100;
  const auto made = report::fold_recording(*spool, request, run.folder.path());
  REQUIRE(made.has_value());
  const spool::Model& folded = (*made)->model();
  CHECK(folded.folded.folds == 1);
  CHECK(folded.folded.slices == 200);
  CHECK_FALSE(folded.images[0].damaged);
  CHECK(std::ranges::any_of(folded.images[0].functions, [](const spool::FunctionInfo& function) {
    return function.kind == FunctionKind::kFold;
  }));
}

TEST_CASE("Reports for Perfetto have no more slices than asked for", "[fold_recording]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  call_at_random(process);
  const auto spool = run.read();
  const uint64_t calls = spool::totals_of(spool->model()).calls;
  report::WriteRequest request;
  request.settings.most_rows = 3000;
  for (const char* const name : {"r.json", "r.pftrace"}) {
    CAPTURE(name);
    request.path = run.folder.file(name);
    report::Folding folding;
    request.folding = &folding;
    bool gzip = false;
    const report::Format& format = *report::format_of_name(name, gzip);
    REQUIRE(report::write_report(*spool, format, request).has_value());
    CHECK(folding.below_ns > 0);
    CHECK(folding.folds > 0);
    CHECK(folding.folds < 3000);
    CHECK(folding.calls > calls / 2);
    const std::string text = read_file(request.path, uint64_t{1} << 32).value();
    CHECK(text.find("folded: f") != std::string::npos);
    request.settings.full = true;
    report::Folding none;
    request.folding = &none;
    REQUIRE(report::write_report(*spool, format, request).has_value());
    CHECK(none.below_ns == 0);
    CHECK(read_file(request.path, uint64_t{1} << 32).value().find("folded: ") == std::string::npos);
    request.settings.full = false;
  }
}

}  // namespace vtn::test
