// SPDX-License-Identifier: Apache-2.0
#include <libdeflate.h>

#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "tests/support/recording.h"
#include "tests/unit/report/perfetto_model.h"

namespace vtn::test {
namespace {

std::string write(const spool::Reader& spool, const TemporaryFolder& folder, bool gzip = false) {
  report::WriteRequest options;
  options.path = folder.file(gzip ? "r.pftrace.gz" : "r.pftrace");
  options.gzip = gzip;
  options.settings.workers = 3;
  Status status = report::write_perfetto(spool, options);
  if (!status) {
    FAIL(status.error().message);
  }
  return read_file(options.path, uint64_t{1} << 32).value();
}

// Member after member, as gzip -d does.
std::string inflate(const std::string& packed, size_t* members = nullptr) {
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  std::string plain;
  size_t at = 0;
  while (at < packed.size()) {
    std::string piece(size_t{64} << 20, '\0');
    size_t in = 0;
    size_t out = 0;
    REQUIRE(libdeflate_gzip_decompress_ex(decompressor,
                                          packed.data() + at,
                                          packed.size() - at,
                                          piece.data(),
                                          piece.size(),
                                          &in,
                                          &out) == LIBDEFLATE_SUCCESS);
    plain.append(piece, 0, out);
    at += in;
    if (members != nullptr) {
      ++*members;
    }
  }
  libdeflate_free_decompressor(decompressor);
  return plain;
}

}  // namespace

TEST_CASE("perfetto: calls, names and times are what was recorded", "[perfetto]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  process.text(NameRecord::kThreadName, 0, "Worker");
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  const uint32_t bad = process.c("\xff");
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  thread.enter(2500, bad);
  thread.unwind(2600, bad);
  thread.leave(12'567'890'123, f);
  auto spool = run.read();
  const PerfettoModel model(write(*spool, run.folder));
  CHECK(model.errors.empty());
  CHECK(model.processes.at(100) == "x.py");
  const PerfettoTrackInfo& track = model.track_of(100);
  CHECK(track.name == "Worker");
  REQUIRE(track.slices.size() == 2);
  CHECK(track.slices[0].name == "f (/tmp/x.py:3)");
  CHECK(track.slices[0].start_ns == 2000);
  CHECK(track.slices[0].end_ns == 12'567'890'123);
  CHECK(track.slices[0].category == "python");
  CHECK(track.slices[1].name == "\xef\xbf\xbd");
  CHECK(track.slices[1].category == "c");
  CHECK(track.slices[1].depth == 1);
  CHECK(model.attributes.at("calls") == "2");
}

TEST_CASE("perfetto: nothing recorded is still a trace", "[perfetto]") {
  Recording run;
  auto spool = run.read();
  const PerfettoModel model(write(*spool, run.folder));
  CHECK(model.errors.empty());
  CHECK(model.tracks.empty());
}

TEST_CASE("perfetto: deeper calls go on further tracks, gaps are drawn", "[perfetto]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(7);
  uint64_t ticks = 100;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < 1500; ++i) {
      thread.enter(ticks += 10, f);
    }
    for (uint32_t i = 0; i < 1200; ++i) {
      thread.leave(ticks += 10, f);
    }
  }
  thread.opcode(ticks += 10, Opcode::kGap, {77, static_cast<uint64_t>(GapReason::kArenaFull)});
  thread.enter(ticks += 10, f);
  auto spool = run.read();
  const PerfettoModel model(write(*spool, run.folder));
  for (const std::string& error : model.errors) {
    WARN(error);
  }
  CHECK(model.errors.empty());
  CHECK(model.tracks.size() == 2 + 5);  // the process, what it ran; 2 * 300 + 1500 calls deep
  CHECK(model.slice_count() == 3 * 1500 + 2);
  const PerfettoTrackInfo& track = model.track_of(7);
  REQUIRE(track.slices.size() >= 2);
  CHECK(track.slices[track.slices.size() - 2].name ==
        "77 events lost: the recorder did not keep up");
  CHECK(track.slices.back().end_ns == 0);  // open at the end
  CHECK(track.open.size() == 1);
  std::vector<std::string> deep;
  for (const auto& [uuid, one] : model.tracks) {
    if (one.name.find("deeper") != std::string::npos) {
      deep.push_back(one.name);
    }
  }
  std::sort(deep.begin(), deep.end());  // as the UI does
  CHECK(deep == std::vector<std::string>{"MainThread (deeper than 00512)",
                                         "MainThread (deeper than 01024)",
                                         "MainThread (deeper than 01536)",
                                         "MainThread (deeper than 02048)"});
}

TEST_CASE("perfetto: threads of few calls need no clock of their own", "[perfetto]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  for (uint32_t i = 0; i < 50; ++i) {
    FakeThread thread = process.thread(7 + i);
    thread.enter(100 * i + 10, f);
    thread.leave(100 * i + 20, f);
    thread.finish();
  }
  FakeProcess other(run, 6, 1);  // so that there is a snapshot at all
  auto spool = run.read();
  const PerfettoModel model(write(*spool, run.folder));
  CHECK(model.errors.empty());
  CHECK(model.slice_count() == 50);
  CHECK(model.track_of(8).slices.at(0).start_ns == 110);
  CHECK(model.track_of(8).slices.at(0).end_ns == 120);
  CHECK(model.first_snapshot.contains(3));
  CHECK_FALSE(model.first_snapshot.contains(64));
  CHECK(model.snapshots == 1);
}

TEST_CASE("perfetto: the threads with the most calls have clocks, all set at once", "[perfetto]") {
  Recording run(1u << 20);
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  for (uint32_t i = 0; i < 70; ++i) {
    FakeThread thread = process.thread(7 + i);
    for (uint32_t call = 0; call < 1000 + 10 * i; ++call) {
      thread.enter(100 * call + i + 1, f);
      thread.leave(100 * call + i + 51, f);
    }
    thread.finish();
  }
  auto spool = run.read();
  const PerfettoModel model(write(*spool, run.folder));
  for (const std::string& error : model.errors) {
    WARN(error);
  }
  CHECK(model.errors.empty());
  CHECK(model.snapshots == 1);
  CHECK(model.first_snapshot.size() == 1 + 64);  // and the trace's own, without a realtime base
  for (uint32_t i = 0; i < 70; ++i) {
    const PerfettoTrackInfo& track = model.track_of(7 + i);
    REQUIRE(track.slices.size() == 1000 + 10 * i);
    CHECK(track.slices.back().start_ns == 100 * (track.slices.size() - 1) + i + 1);
    CHECK(track.slices.back().end_ns == track.slices.back().start_ns + 50);
  }
}

TEST_CASE("perfetto: no clock is set where one process is hardly larger without", "[perfetto]") {
  const auto snapshots = [](uint32_t calls, uint32_t processes) {
    Recording run(1u << 20);
    for (uint32_t i = 0; i < processes; ++i) {
      FakeProcess process(run, 7 + i, 1);
      const uint32_t f = process.python("f");
      FakeThread thread = process.thread(7 + i);
      for (uint32_t call = 0; call < calls; ++call) {
        thread.enter(1'000'000'000'000 + 100 * call + i, f);
        thread.leave(1'000'000'000'000 + 100 * call + i + 50, f);
      }
      thread.finish();
    }
    auto spool = run.read();
    const PerfettoModel model(write(*spool, run.folder));
    CHECK(model.errors.empty());
    CHECK(model.slice_count() == calls * processes);
    CHECK(model.track_of(7).slices.back().end_ns ==
          1'000'000'000'000 + 100 * uint64_t{calls - 1} + 50);
    return model.snapshots;
  };
  CHECK(snapshots(50, 1) == 0);
  CHECK(snapshots(50, 2) == 1);
  CHECK(snapshots(50'000, 1) == 1);
}

TEST_CASE("perfetto: many threads in many frames, packed or not", "[perfetto]") {
  Recording run(1u << 20);
  FakeProcess process(run, 7, 1);
  std::vector<uint32_t> functions;
  for (int i = 0; i < 400; ++i) {  // more than one byte of codes holds
    functions.push_back(process.python("f" + std::to_string(i)));
  }
  std::vector<FakeThread> threads;
  for (uint32_t i = 0; i < 5; ++i) {
    threads.push_back(process.thread(70 + i));
    threads.back().chunk_class = i;
  }
  FakeProcess other(run, 6, 1);  // a single one might do without clocks
  uint64_t ticks = 1'000'000;
  uint64_t seed = 1;
  std::vector<std::vector<uint32_t>> open(threads.size());
  uint64_t calls = 0;
  for (int i = 0; i < 200'000; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const size_t t = (seed >> 33) % threads.size();
    ticks += (seed >> 40) % 300 == 0 ? 100'000'000 : (seed >> 50) % 200;
    if (open[t].empty() || (open[t].size() < 40 && (seed >> 60) < 8)) {
      open[t].push_back(functions[(seed >> 20) % functions.size()]);
      threads[t].enter(ticks, open[t].back());
      ++calls;
    } else {
      threads[t].leave(ticks, open[t].back());
      open[t].pop_back();
    }
  }
  auto spool = run.read();
  const std::string plain = write(*spool, run.folder);
  const PerfettoModel model(plain);
  for (const std::string& error : model.errors) {
    WARN(error);
  }
  CHECK(model.errors.empty());
  CHECK(model.slice_count() == calls);
  CHECK(model.snapshots == 1);
  CHECK(spool::totals_of(spool->model()).calls == calls);
  for (size_t t = 0; t < threads.size(); ++t) {
    CHECK(model.track_of(70 + t).open.size() == open[t].size());
  }
  size_t members = 0;
  const bool same = inflate(write(*spool, run.folder, true), &members) == plain;  // TAP: no bytes
  CHECK(same);
  // What was recorded, in members of a megabyte at least; what is before it.
  CHECK(members <= 1 + plain.size() / (report::kLeastMemberBytes / 2));
  CHECK(members >= 3);
}

TEST_CASE("gzip: members are few, each worker has some, and memory is bounded", "[gzip]") {
  constexpr uint64_t kMiB = 1 << 20;
  const auto member = [](uint64_t mib, unsigned workers) {
    return report::plan_members(mib * kMiB, workers).bytes / kMiB;
  };
  CHECK(member(0, 2) == 1);
  CHECK(member(8, 2) == 1);
  CHECK(member(80, 2) == 10);
  CHECK(member(364, 2) == 32);   // 14 million calls for Perfetto
  CHECK(member(3300, 2) == 51);  // 20 million as JSON: 64 members
  CHECK(member(1 << 20, 2) == 64);
  for (const unsigned workers : {1u, 2u, 4u, 16u, 128u}) {
    for (const uint64_t mib : {1u, 100u, 825u, 3300u, 4096u, 1u << 20}) {
      const report::MemberPlan plan = report::plan_members(mib * kMiB, workers);
      CHECK(plan.workers >= 1);
      CHECK(plan.workers <= workers);
      CHECK(plan.workers * plan.bytes <= 512 * kMiB);
      CHECK((plan.bytes == 64 * kMiB || mib * kMiB <= 64 * plan.bytes));
    }
  }
}

TEST_CASE("perfetto: losses that no gap tells of have a track", "[perfetto]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(7);
  thread.enter(10, f);
  run.arena.processes[process.slot()].lost_events = 1234;
  auto spool = run.read();
  const PerfettoModel model(write(*spool, run.folder));
  CHECK(model.errors.empty());
  size_t found = 0;
  for (const auto& [uuid, track] : model.tracks) {
    if (track.name == "events lost") {
      ++found;
      REQUIRE(track.slices.size() == 1);
      CHECK(track.slices[0].name == "1234 events lost: the recorder did not keep up");
      CHECK(track.slices[0].start_ns == 10);
      CHECK(track.open.empty());
    }
  }
  CHECK(found == 1);
  report::WriteRequest json;
  json.path = run.folder.file("r.json");
  REQUIRE(report::write_json(*spool, json).has_value());
  const bool named = read_file(json.path)->find("\"name\":\"1234 events lost") != std::string::npos;
  CHECK(named);
}

}  // namespace vtn::test
