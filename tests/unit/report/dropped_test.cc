// SPDX-License-Identifier: Apache-2.0
//
// Of each process the newest calls are kept (--tracer_entries): what is kept is what was recorded,
// call by call, in every report; what is not is counted.
#include <functional>
#include <random>
#include <set>
#include <tuple>

#include <sys/stat.h>

#include "report/formats.h"
#include "report/json/writer.h"
#include "report/left_out.h"
#include "report/perfetto/writer.h"
#include "report/summary/text.h"
#include "report/summary/totals.h"
#include "tests/support/recording.h"
#include "tests/unit/report/perfetto_model.h"

namespace vtn::test {
namespace {

session::CallLimits newest(uint64_t calls) {
  session::CallLimits limits;
  limits.newest_calls = calls;
  return limits;
}

std::string written(const spool::Reader& spool,
                    const std::string& path,
                    Status (*write)(const spool::Reader&, const report::WriteRequest&)) {
  report::WriteRequest request;
  request.path = path;
  request.settings.workers = 2;
  const Status status = write(spool, request);
  if (!status) {
    FAIL(status.error().message);
  }
  return read_file(path, uint64_t{1} << 32).value();
}

// The events of a report, a line each.
std::set<std::string> events(const spool::Reader& spool, const TemporaryFolder& folder) {
  const std::string text = written(spool, folder.file("r.json"), report::write_json);
  std::set<std::string> lines;
  for (size_t at = text.find("\n{"); at != text.npos; at = text.find("\n{", at + 1)) {
    const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    if (line.find("\"cat\":\"FEE\"") != line.npos) {
      lines.insert(line.back() == ',' ? line.substr(0, line.size() - 1) : line);
    }
  }
  return lines;
}

std::set<std::tuple<std::string, uint64_t, uint64_t, size_t>> slices(const PerfettoModel& model) {
  std::set<std::tuple<std::string, uint64_t, uint64_t, size_t>> all;
  for (const auto& [uuid, track] : model.tracks) {
    for (const Slice& slice : track.slices) {
      if (track.name != "process") {
        all.emplace(slice.name, slice.start_ns, slice.end_ns, slice.depth);
      }
    }
  }
  return all;
}

template <class Set>
bool within(const Set& some, const Set& all) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// Two processes, the first of two threads and one that fell silent early; stacks that grow and
// shrink, with calls that are open from the first chunk to the last.
void fill(Recording& run, int rounds, const std::function<void(int)>& each = {}) {
  std::minstd_rand random(7);
  FakeProcess first(run, 100, 1000);
  FakeProcess second(run, 200, 1000);
  first.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  second.describe("/usr/bin/python3", "/tmp", {"python3", "y.py"});
  struct Line {
    FakeThread thread;
    uint64_t ticks;
    std::vector<uint32_t> open;
  };
  std::vector<uint32_t> functions[2];
  for (int i = 0; i < 9; ++i) {
    functions[0].push_back(first.python("f" + std::to_string(i)));
    functions[1].push_back(second.python("g" + std::to_string(i)));
  }
  Line lines[] = {{first.thread(100), 2000, {}},
                  {first.thread(101), 3000, {}},
                  {second.thread(200), 2500, {}},
                  {first.thread(102), 2100, {}}};
  for (int round = 0; round < rounds; ++round) {
    for (size_t which = 0; which < (round == 0 ? 4 : 3); ++which) {
      Line& line = lines[which];
      for (int i = 0; i < 200; ++i) {
        line.ticks += 2 + random() % (random() % 50 == 0 ? 200'000 : 100);
        if (line.open.size() < 3 || (line.open.size() < 40 && random() % 2 == 0)) {
          const uint32_t id = functions[which == 2 ? 1 : 0][random() % 9];
          line.thread.enter(line.ticks, id);
          line.open.push_back(id);
        } else {
          line.thread.leave(line.ticks, line.open.back());
          line.open.pop_back();
        }
      }
    }
    run.drain->pass();
    if (each) {
      each(round);
    }
  }
}

uint64_t dropped_calls(const spool::Model& model) {
  uint64_t calls = 0;
  for (const auto& [process, info] : model.dropped) {
    calls += info.calls;
  }
  return calls;
}

}  // namespace

TEST_CASE("dropped: what is kept is what was recorded", "[dropped]") {
  Recording whole;
  fill(whole, 400);
  const auto all = whole.read();
  const std::set<std::string> all_events = events(*all, whole.folder);
  const PerfettoModel all_slices(
      written(*all, whole.folder.file("r.pftrace"), report::write_perfetto));

  for (const uint64_t calls : {uint64_t{1}, uint64_t{1000}, uint64_t{20'000}}) {
    Recording run(16u << 20, ClockKind::kMonotonic, newest(calls));
    fill(run, 400);
    const auto some = run.read();
    const spool::Model& model = some->model();
    const uint64_t kept = spool::totals_of(model).calls;
    CHECK(kept + dropped_calls(model) == spool::totals_of(all->model()).calls);
    REQUIRE(model.dropped.size() == 2);
    for (uint32_t process = 0; process < 2; ++process) {
      uint64_t of_process = 0;
      uint64_t open = 0;
      for (const spool::ThreadInfo& thread : model.threads) {
        if (model.images[thread.image].process == process) {
          of_process += thread.calls;
          open += thread.open_at_first.size();
        }
      }
      CHECK(of_process - open >= calls);
      CHECK(of_process - open < calls + 600);  // less than one chunk more
    }
    const std::set<std::string> some_events = events(*some, run.folder);
    CHECK(some_events.size() == kept);
    CHECK(within(some_events, all_events));
    const PerfettoModel perfetto(
        written(*some, run.folder.file("r.pftrace"), report::write_perfetto));
    CHECK(perfetto.errors.empty());
    CHECK(perfetto.slice_count() == kept);
    CHECK(within(slices(perfetto), slices(all_slices)));
    CHECK(perfetto.attributes.count("dropped_for_newer_calls") == 1);
    const auto totals = report::add_up(*some, report::AlsoAdd::kEdges, 2, {});
    REQUIRE(totals.has_value());
    CHECK(totals->calls() == kept);

    // Without the index the same is there.
    const std::string bytes = read_file(run.folder.file("spool"), uint64_t{1} << 30).value();
    REQUIRE(truncate(run.folder.file("spool").c_str(), static_cast<off_t>(bytes.size() - 1)) == 0);
    const auto cut = run.reopen();
    CHECK(!cut->closed());
    const bool same = events(*cut, run.folder) == some_events;
    CHECK(same);
    CHECK(dropped_calls(cut->model()) == dropped_calls(model));
  }
}

TEST_CASE("dropped: no time of what was dropped is own time", "[dropped]") {
  Recording run(16u << 20, ClockKind::kMonotonic, newest(10));
  FakeProcess process(run, 100, 1000);
  const uint32_t f = process.python("f");
  const uint32_t g = process.python("g");
  FakeThread thread = process.thread(100);
  thread.enter(10'000, f);
  thread.enter(20'000, g);
  thread.enter(30'000, f);
  thread.leave(40'000, f);
  thread.finish();
  thread.enter(50'000, g);
  for (uint64_t i = 0; i < 10; ++i) {
    thread.enter(60'000 + 10 * i, f);
    thread.leave(60'001 + 10 * i, f);
  }
  thread.leave(70'000, g);
  thread.leave(80'000, g);
  thread.leave(100'000, f);
  thread.finish();
  const auto spool = run.read();
  const spool::Model& model = spool->model();
  REQUIRE(model.dropped.size() == 1);
  CHECK(model.dropped.at(0).calls == 1);
  CHECK(model.dropped.at(0).until_ticks == 40'000);
  const auto totals = report::add_up(*spool, report::AlsoAdd::kNothing, 1, {});
  REQUIRE(totals.has_value());
  const auto functions = report::by_function(model, *totals, {0});
  REQUIRE(functions.size() == 2);
  for (const report::NamedTotals& one : functions) {
    const bool is_f = one.function->name == "f";
    CHECK(one.totals.calls == (is_f ? 11 : 2));
    CHECK(one.totals.total_ns == (is_f ? 90'000 : 60'000));
    CHECK(one.totals.own_ns == (is_f ? 20'000 + 10 : 10'000 + 20'000 - 10 + 10'000));
  }
}

TEST_CASE("dropped: calls that were open to the end are there without a frame", "[dropped]") {
  Recording run(16u << 20, ClockKind::kMonotonic, newest(100));
  FakeProcess process(run, 100, 1000);
  const uint32_t f = process.python("f");
  FakeThread silent = process.thread(101);
  silent.enter(5000, f);
  silent.enter(6000, f);
  silent.finish();
  run.drain->pass();
  FakeThread thread = process.thread(100);
  for (uint64_t i = 0; i < 500; ++i) {
    thread.enter(10'000 + 10 * i, f);
    thread.leave(10'005 + 10 * i, f);
  }
  const auto spool = run.read();
  CHECK(spool->model().threads.size() == 2);
  CHECK(spool->model().dropped.at(0).threads.size() == 2);
  const PerfettoModel perfetto(
      written(*spool, run.folder.file("r.pftrace"), report::write_perfetto));
  CHECK(perfetto.errors.empty());
  const PerfettoTrackInfo& track = perfetto.track_of(101);
  REQUIRE(track.slices.size() == 2);
  CHECK(track.slices[0].start_ns == 5000);
  CHECK(track.slices[1].start_ns == 6000);
  CHECK(track.open.size() == 2);
}

TEST_CASE("dropped: the file is readable at any time, and gives its room back", "[dropped]") {
  Recording run(16u << 20, ClockKind::kMonotonic, newest(1000));
  uint64_t before = 0;
  fill(run, 3000, [&](int round) {
    if (round % 100 != 99) {
      return;
    }
    const auto spool = run.reopen();
    const spool::Model& model = spool->model();
    const uint64_t calls = spool::totals_of(model).calls + dropped_calls(model);
    CHECK(calls > before);
    CHECK(calls == spool::totals_of(run.spool->model()).calls + dropped_calls(run.spool->model()));
    before = calls;
  });
  const uint64_t taken = run.spool->bytes_taken();
  CHECK(taken < run.spool->bytes() / 2);
  struct stat info = {};
  REQUIRE(stat(run.folder.file("spool").c_str(), &info) == 0);
  CHECK(static_cast<uint64_t>(info.st_blocks) * 512 < taken + 3 * 4096);
  (void)run.read();
}

TEST_CASE("dropped: what was told and not yet wiped is gone all the same", "[dropped]") {
  Recording run(16u << 20, ClockKind::kMonotonic, newest(1000));
  std::string before;
  std::set<std::string> expected;
  fill(run, 3000, [&](int) {
    if (!expected.empty()) {
      return;
    }
    const std::string bytes = read_file(run.folder.file("spool"), uint64_t{1} << 30).value();
    if (run.spool->model().dropped.empty()) {
      before = bytes;
      return;
    }
    expected = events(*run.reopen(), run.folder);
    // What is wiped lies in what was there before.
    const std::string path = run.folder.file("unwiped");
    REQUIRE(write_all(create_file(path).get(), before + bytes.substr(before.size())).has_value());
    auto spool = spool::Reader::open(std::move(*open_file(path, O_RDONLY)), path);
    REQUIRE(spool.has_value());
    const bool same = events(**spool, run.folder) == expected;
    CHECK(same);
  });
  CHECK(!expected.empty());
}

TEST_CASE("dropped: a recorder that goes on after another keeps the newest of both", "[dropped]") {
  Recording run(16u << 20, ClockKind::kMonotonic, newest(1000));
  fill(run, 1500);
  const auto left = run.reopen();  // as a collector that was killed leaves it
  const uint64_t calls = spool::totals_of(left->model()).calls + dropped_calls(left->model());
  const uint64_t end = left->end_offset();
  auto model = left->take_model();
  auto fd = open_file(run.folder.file("spool"), O_RDWR);
  REQUIRE(fd.has_value());
  auto resumed = spool::Writer::resume(std::move(*fd), std::move(model), end);
  REQUIRE(resumed.has_value());
  (*resumed)->keep_newest(500);
  REQUIRE((*resumed)->close().has_value());
  const auto spool = run.reopen();
  CHECK(spool->closed());
  CHECK(spool::totals_of(spool->model()).calls + dropped_calls(spool->model()) == calls);
  CHECK(spool::totals_of(spool->model()).calls < 2 * (500 + 600));
  const PerfettoModel perfetto(
      written(*spool, run.folder.file("r.pftrace"), report::write_perfetto));
  CHECK(perfetto.errors.empty());
}

TEST_CASE("dropped: marks are entries as well", "[dropped]") {
  constexpr uint64_t kMarks = 5000;
  Recording run(16u << 20, ClockKind::kMonotonic, newest(500));
  FakeProcess process(run, 100, 1000);
  const uint32_t name = process.function(FunctionKind::kInstant, "raise ValueError", "exception");
  FakeThread thread = process.thread(100);
  for (uint64_t i = 0; i < kMarks; ++i) {
    thread.mark(5000 + 10 * i, NoteKind::kInstant, name);
  }
  thread.finish();
  run.drain->pass();
  const auto marks_in = [&](const spool::Reader& spool) {
    uint64_t marks = 0;
    std::string buffer;
    spool::FrameDecoder decoder;
    spool::DecodedFrame decoded;
    for (const spool::FrameInfo& frame : spool.model().frames) {
      REQUIRE(decoder.decode(spool.read_body(frame, buffer).value(), decoded).has_value());
      marks += decoded.notes.size();
    }
    return marks;
  };
  const std::string left = read_file(run.folder.file("spool"), uint64_t{1} << 30).value();
  CHECK(marks_in(*run.reopen()) == kMarks);
  const auto spool = run.read();
  const spool::DroppedInfo& info = spool->model().dropped.at(0);
  CHECK(info.calls == 0);
  CHECK(marks_in(*spool) + info.marks == kMarks);
  CHECK(marks_in(*spool) >= 500);
  CHECK(marks_in(*spool) < 500 + 8192 / 3);
  const std::string json = written(*spool, run.folder.file("r.json"), report::write_json);
  CHECK(json.find("\"calls\":0,\"marks\":" + std::to_string(info.marks)) != json.npos);
  bool gzip = false;
  const std::string text =
      written(*spool, run.folder.file("r.txt"), report::format_of_name("r.txt", gzip)->write);
  CHECK(text.find("0 calls and " + report::grouped(info.marks) + " marks of 100 ") != text.npos);

  // Whoever goes on after a recorder that was killed counts those that it had written.
  REQUIRE(write_all(create_file(run.folder.file("spool")).get(), left).has_value());
  const auto killed = run.reopen();
  const uint64_t end = killed->end_offset();
  auto fd = open_file(run.folder.file("spool"), O_RDWR);
  REQUIRE(fd.has_value());
  auto resumed = spool::Writer::resume(std::move(*fd), killed->take_model(), end);
  REQUIRE(resumed.has_value());
  (*resumed)->keep_newest(500);
  REQUIRE((*resumed)->close().has_value());
  const auto again = run.reopen();
  CHECK(marks_in(*again) == marks_in(*spool));
  CHECK(again->model().dropped.at(0).marks == info.marks);
}

TEST_CASE("dropped: threads that have ended are forgotten with their calls", "[dropped]") {
  constexpr uint32_t kThreads = 3000;
  Recording run(16u << 20, ClockKind::kMonotonic, newest(1000));
  FakeProcess process(run, 100, 1000);
  const uint32_t f = process.python("f");
  FakeThread first = process.thread(100);
  first.enter(2000, f);
  first.finish();
  std::minstd_rand random(5);
  uint64_t ticks = 5000;
  uint64_t most_known = 0;
  for (uint32_t number = 0; number < kThreads; ++number) {
    process.text(NameRecord::kThreadName, 1 + number, "Thread-" + std::to_string(number));
    FakeThread thread = process.thread(1000 + number);
    for (int i = 0; i < 200; ++i) {
      thread.enter(ticks += 1 + random() % 1000, f);
      thread.leave(ticks += 1 + random() % 1000, f);
    }
    thread.opcode(ticks += 1, Opcode::kThreadEnd);
    thread.finish();
    run.drain->pass();
    most_known = std::max<uint64_t>(most_known, run.spool->model().threads.size());
  }
  CHECK(most_known < 500);
  CHECK(run.spool->model().images[0].thread_names.size() < 500);
  CHECK(run.spool->bytes() > 1'000'000);
  CHECK(run.spool->bytes_taken() < 350'000);  // names go as well
  const auto check = [&](const spool::Reader& spool) {
    const spool::Model& model = spool.model();
    const spool::DroppedInfo& info = model.dropped.at(0);
    CHECK(info.threads.size() == 1);  // the first, which has a call open
    CHECK(model.threads.size() < 20);
    CHECK(info.ended_threads + model.threads.size() == kThreads + 1);
    CHECK(spool::totals_of(model).calls + info.calls == 200 * kThreads + 1);
    const PerfettoModel perfetto(
        written(spool, run.folder.file("r.pftrace"), report::write_perfetto));
    CHECK(perfetto.errors.empty());
    CHECK(perfetto.slice_count() == spool::totals_of(model).calls);
  };
  check(*run.read());
  const std::string path = run.folder.file("spool");
  REQUIRE(truncate(path.c_str(), static_cast<off_t>(run.spool->bytes() - 1)) == 0);
  check(*run.reopen());
}

}  // namespace vtn::test
