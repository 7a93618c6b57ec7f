// SPDX-License-Identifier: Apache-2.0
//
// Several recordings become one. Times are looked at in nanoseconds of CLOCK_MONOTONIC, which the
// clocks of two machines tell at different rates.
#include "spool/combine.h"

#include "spool/replay.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Machine {
  double ticks_per_ns;
  uint64_t boot_ns;  // on the wall's clock
};
constexpr Machine kOne = {2.5, 1000 * kSecond};
constexpr Machine kOther = {3.0, 1004 * kSecond};

uint64_t ticks_at(const Machine& machine, uint64_t ns) {
  return static_cast<uint64_t>(static_cast<double>(ns) * machine.ticks_per_ns);
}

// A run of a second that begins so long after boot: a call of 0.5 s that has 100 of 1 ms.
std::unique_ptr<spool::Reader> record(Recording& run, const Machine& machine, uint64_t start_ns) {
  const auto at = [&](uint64_t ns) { return ticks_at(machine, start_ns + ns); };
  for (const uint64_t ns : {uint64_t{0}, uint64_t{5'000'000}, kSecond}) {
    const spool::ClockTriple triple = {at(ns), start_ns + ns, machine.boot_ns + start_ns + ns};
    REQUIRE(run.spool->append_struct(spool::FrameKind::kClock, triple));
  }
  FakeProcess process(run, 7, at(1000));
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t outer = process.python("outer");
  const uint32_t inner = process.python("inner");
  FakeThread thread = process.thread(70);
  thread.enter(at(2000), outer);
  for (uint64_t i = 0; i < 100; ++i) {
    thread.enter(at(3'000'000 + i * 2'000'000), inner);
    thread.leave(at(4'000'000 + i * 2'000'000), inner);
    if (i == 50) {
      thread.finish();
      run.drain->pass();
    }
  }
  thread.leave(at(500'002'000), outer);
  return run.read();
}

struct Span {
  uint64_t begin;
  uint64_t end;
};

// The calls of each thread, in the order in which they end.
std::vector<std::vector<Span>> spans_of(const spool::Reader& reader) {
  struct Sink {
    std::vector<uint64_t> open;
    std::vector<Span> spans;
    void begin(uint32_t, uint64_t ns) { open.push_back(ns); }
    void end(uint64_t ns, uint32_t) {
      spans.push_back({open.back(), ns});
      open.pop_back();
    }
    void special(const spool::Special&, uint64_t ns) { open.push_back(ns); }
  };
  const spool::Model& model = reader.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  std::vector<Sink> sinks(model.threads.size());
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  for (const spool::FrameInfo& info : model.frames) {
    const auto body = reader.read_body(info, buffer);
    REQUIRE(body);
    REQUIRE(decoder.decode(*body, frame));
    REQUIRE(spool::replay_frame(frame, clock, sinks[info.thread]));
  }
  std::vector<std::vector<Span>> all;
  for (const Sink& sink : sinks) {
    CHECK(sink.open.empty());
    all.push_back(sink.spans);
  }
  return all;
}

std::unique_ptr<spool::Reader> combined(const std::vector<const spool::Reader*>& inputs,
                                        bool align,
                                        const TemporaryFolder& folder) {
  spool::CombineRequest request;
  request.inputs = inputs;
  request.align = align;
  request.version = "1";
  const std::string path = folder.file("combined");
  auto made = spool::combine(request, create_file(path), path);
  REQUIRE(made);
  // What is known of it while it is written is what is read from it.
  auto fd = open_file(path, O_RDONLY);
  REQUIRE(fd);
  auto again = spool::Reader::open(std::move(*fd), path);
  REQUIRE(again);
  CHECK((*again)->closed());
  const bool same = (*again)->model().serialize_threads() == (*made)->model().serialize_threads();
  CHECK(same);
  return std::move(*again);
}

uint64_t farthest(const std::vector<Span>& one, const std::vector<Span>& other, int64_t offset_ns) {
  REQUIRE(one.size() == other.size());
  uint64_t farthest = 0;
  const auto apart = [&](uint64_t a, uint64_t b) {
    const int64_t difference = static_cast<int64_t>(b) - static_cast<int64_t>(a) - offset_ns;
    return static_cast<uint64_t>(difference < 0 ? -difference : difference);
  };
  for (size_t i = 0; i < one.size(); ++i) {
    farthest =
        std::max({farthest, apart(one[i].begin, other[i].begin), apart(one[i].end, other[i].end)});
  }
  return farthest;
}

TEST_CASE("combine: recordings of one boot keep their stamps", "[combine]") {
  Recording a(16u << 20, ClockKind::kTsc);
  Recording b(16u << 20, ClockKind::kTsc);
  const auto one = record(a, kOne, 100 * kSecond);
  const auto two = record(b, kOne, 103 * kSecond);
  CHECK(spool::same_boot({one.get(), two.get()}));
  TemporaryFolder folder;
  const auto whole = combined({one.get(), two.get()}, false, folder);
  CHECK(whole->model().header.clock_kind == static_cast<uint32_t>(ClockKind::kTsc));
  REQUIRE(whole->model().threads.size() == 2);
  CHECK(whole->model().threads[0].first_ticks == one->model().threads[0].first_ticks);
  CHECK(whole->model().threads[1].first_ticks == two->model().threads[0].first_ticks);
  CHECK(whole->model().images[1].process == 1);
  const auto spans = spans_of(*whole);
  CHECK(farthest(spans_of(*one)[0], spans[0], 0) <= 1);
  CHECK(farthest(spans_of(*two)[0], spans[1], 0) <= 1);
}

TEST_CASE("combine: recordings of two machines lie where the wall's clock says", "[combine]") {
  Recording a(16u << 20, ClockKind::kTsc);
  Recording b(16u << 20, ClockKind::kTsc);
  const auto one = record(a, kOne, 100 * kSecond);
  const auto two = record(b, kOther, 95 * kSecond);  // 1 s earlier on the wall
  CHECK_FALSE(spool::same_boot({one.get(), two.get()}));
  TemporaryFolder folder;
  const auto whole = combined({one.get(), two.get()}, false, folder);
  CHECK(whole->model().header.clock_kind == static_cast<uint32_t>(ClockKind::kMonotonic));
  const auto spans = spans_of(*whole);
  CHECK(farthest(spans_of(*one)[0], spans[0], 0) == 0);
  CHECK(farthest(spans_of(*two)[0], spans[1], static_cast<int64_t>(4 * kSecond)) == 0);
  const spool::ClockMap clock(ClockKind::kMonotonic, whole->model().clock);
  CHECK(clock.realtime_base_ns() == kOne.boot_ns);
}

TEST_CASE("combine: aligned, all begin with the first", "[combine]") {
  Recording a(16u << 20, ClockKind::kTsc);
  Recording b(16u << 20, ClockKind::kTsc);
  Recording c;
  const auto one = record(a, kOne, 100 * kSecond);
  const auto two = record(b, kOther, 95 * kSecond);
  const auto three = record(c, {1.0, 0}, kSecond / 2);  // no clock on the wall, and just booted
  TemporaryFolder folder;
  const auto whole = combined({one.get(), two.get(), three.get()}, true, folder);
  const auto spans = spans_of(*whole);
  CHECK(farthest(spans_of(*one)[0], spans[0], 0) == 0);
  CHECK(farthest(spans[0], spans[1], 0) <= 1);
  CHECK(farthest(spans[0], spans[2], 0) <= 1);
  const auto early = combined({three.get(), two.get()}, true, folder);
  const auto lifted = spans_of(*early);  // nothing lies before the clock's own beginning
  CHECK(farthest(lifted[0], lifted[1], 0) <= 1);
}

TEST_CASE("combine: without a clock on the wall, monotonic clocks decide", "[combine]") {
  Recording a;
  Recording b;
  const auto one = record(a, {1.0, 0}, 10 * kSecond);
  const auto two = record(b, {1.0, 5000 * kSecond}, 12 * kSecond);
  TemporaryFolder folder;
  const auto whole = combined({one.get(), two.get()}, false, folder);
  const auto spans = spans_of(*whole);
  CHECK(farthest(spans_of(*two)[0], spans[1], 0) == 0);
}

TEST_CASE("combine: it can be given up", "[combine]") {
  Recording a;
  const auto one = record(a, {1.0, 0}, 10 * kSecond);
  TemporaryFolder folder;
  spool::CombineRequest request;
  request.inputs = {one.get(), one.get()};
  request.progress = [](uint64_t, uint64_t) { return false; };
  const std::string path = folder.file("combined");
  const auto made = spool::combine(request, create_file(path), path);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ECANCELED);
}

}  // namespace
}  // namespace vtn::test
