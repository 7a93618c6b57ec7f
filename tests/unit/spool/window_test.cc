// SPDX-License-Identifier: Apache-2.0
//
// Windows of a recording against what a list of its calls says, for borders anywhere.
#include "spool/window.h"

#include <algorithm>
#include <tuple>

#include "spool/replay.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

struct Span {
  uint32_t id;
  uint64_t begin;
  uint64_t end;
  bool operator<(const Span& other) const {
    return std::tie(begin, end, id) < std::tie(other.begin, other.end, other.id);
  }
};

// The calls of the first thread, with those that never end (UINT64_MAX).
std::vector<Span> spans_of(const spool::Reader& reader) {
  struct Sink {
    const spool::DecodedFrame* frame = nullptr;
    std::vector<Span> open;
    std::vector<Span> spans;
    void begin(uint32_t function, uint64_t ns) {
      open.push_back({frame->functions[function], ns, UINT64_MAX});
    }
    void end(uint64_t ns, uint32_t) {
      spans.push_back(open.back());
      spans.back().end = ns;
      open.pop_back();
    }
    void special(const spool::Special&, uint64_t ns) { open.push_back({0, ns, UINT64_MAX}); }
  };
  const spool::Model& model = reader.model();
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  Sink sink;
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  sink.frame = &frame;
  for (const spool::FrameInfo& info : model.frames) {
    const auto body = reader.read_body(info, buffer);
    REQUIRE(body);
    REQUIRE(decoder.decode(*body, frame));
    // What the frame says was open is what was.
    REQUIRE(frame.head.open_before == sink.open.size());
    for (size_t i = 0; i < frame.closed.size(); ++i) {
      const Span& one = sink.open[sink.open.size() - 1 - i];
      REQUIRE(frame.closed[i].id == one.id);
      REQUIRE(frame.closed[i].start_ticks == one.begin);
    }
    REQUIRE(spool::replay_frame(frame, clock, sink));
    for (size_t i = 0; i < frame.left_open.size(); ++i) {
      REQUIRE(frame.left_open[i].start_ticks == sink.open[sink.open.size() - 1 - i].begin);
    }
  }
  sink.spans.insert(sink.spans.end(), sink.open.begin(), sink.open.end());
  std::sort(sink.spans.begin(), sink.spans.end());
  return sink.spans;
}

struct Run {
  Recording recording;
  uint32_t f = 0;
  uint32_t g = 0;
  uint32_t h = 0;
  std::unique_ptr<spool::Reader> reader;

  // f( g( h h ... ) g( ... ) ... ) with pauses, in many frames; the outermost f never ends.
  Run() {
    FakeProcess process(recording, 7, 1000);
    process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
    f = process.python("f");
    g = process.python("g");
    h = process.c("h");
    FakeThread thread = process.thread(70);
    uint64_t ticks = 10'000;
    thread.enter(ticks, f);
    for (int i = 0; i < 12; ++i) {
      thread.enter(ticks += 500, g);
      for (int j = 0; j < 20; ++j) {
        thread.enter(ticks += 40, h);
        thread.leave(ticks += 30 + (j % 3 == 0 ? 70'000 : 0), h);
        if ((i * 20 + j) % 7 == 0) {
          thread.finish();
          recording.drain->pass();
        }
      }
      thread.leave(ticks += 100, g);
    }
    reader = recording.read();
  }

  spool::WindowRequest all() const {
    spool::WindowRequest request;
    request.input = reader.get();
    request.processes.assign(reader->model().process_ends.size(), true);
    request.threads.assign(reader->model().threads.size(), true);
    return request;
  }

  std::unique_ptr<spool::Reader> cut(const spool::WindowRequest& request) const {
    const std::string path = recording.folder.file("window");
    auto made = spool::cut_window(request, create_file(path), path);
    REQUIRE(made);
    auto fd = open_file(path, O_RDONLY);
    REQUIRE(fd);
    auto again = spool::Reader::open(std::move(*fd), path);
    REQUIRE(again);
    REQUIRE((*again)->closed());
    const bool same = (*again)->model().serialize_threads() == (*made)->model().serialize_threads();
    REQUIRE(same);
    return std::move(*again);
  }
};

// What a window should have: clipped calls a step apart, in front of it and behind it.
std::vector<Span> clipped(const std::vector<Span>& all, uint64_t from, uint64_t to) {
  std::vector<Span> inside;
  for (const Span& one : all) {
    if (one.end >= from && one.begin < to) {
      inside.push_back(one);
    }
  }
  uint64_t early = static_cast<uint64_t>(std::count_if(
      inside.begin(), inside.end(), [&](const Span& one) { return one.begin < from; }));
  uint64_t late = static_cast<uint64_t>(
      std::count_if(inside.begin(), inside.end(), [&](const Span& one) { return one.end >= to; }));
  for (Span& one : inside) {  // outermost first
    if (one.begin < from) {
      one.begin = from - early--;
    }
    if (one.end >= to && to != UINT64_MAX) {
      one.end = to + --late;
    }
  }
  std::sort(inside.begin(), inside.end());
  return inside;
}

bool equal(const std::vector<Span>& a, const std::vector<Span>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Span& one, const Span& other) {
    return one.id == other.id && one.begin == other.begin && one.end == other.end;
  });
}

TEST_CASE("window: all of a recording is the recording", "[window]") {
  const Run run;
  const auto whole = run.cut(run.all());
  CHECK(equal(spans_of(*run.reader), spans_of(*whole)));
  CHECK(whole->model().window.known);
  CHECK(whole->model().window.processes == std::vector<uint32_t>{0});
}

TEST_CASE("window: calls are cut at its borders, wherever those are", "[window]") {
  const Run run;
  const std::vector<Span> all = spans_of(*run.reader);
  REQUIRE(run.reader->model().frames.size() > 20);
  std::vector<uint64_t> borders;
  for (size_t i = 0; i < all.size(); i += 9) {
    borders.push_back(all[i].begin);
    borders.push_back(all[i].begin + 7);
    borders.push_back(all[i].end == UINT64_MAX ? all[i].begin + 1 : all[i].end);
  }
  std::sort(borders.begin(), borders.end());
  for (size_t i = 0; i < borders.size(); i += 5) {
    for (size_t j = i; j < borders.size(); j += 11) {
      spool::WindowRequest request = run.all();
      request.from_ticks = borders[i];
      request.to_ticks = borders[j] + 3;
      const auto window = run.cut(request);
      INFO(borders[i] << " to " << request.to_ticks);
      REQUIRE(equal(clipped(all, borders[i], request.to_ticks), spans_of(*window)));
    }
    spool::WindowRequest request = run.all();
    request.from_ticks = borders[i];
    REQUIRE(equal(clipped(all, borders[i], UINT64_MAX), spans_of(*run.cut(request))));
  }
}

TEST_CASE("window: functions, and what is below them", "[window]") {
  const Run run;
  std::vector<Span> wanted = spans_of(*run.reader);
  std::erase_if(wanted, [&](const Span& one) { return one.id == run.f; });
  spool::WindowRequest request = run.all();
  request.functions.emplace_back(run.h + 1)[run.g] = true;
  CHECK(equal(wanted, spans_of(*run.cut(request))));
  request.functions[0][run.g] = false;
  request.functions[0][run.h] = true;
  std::erase_if(wanted, [&](const Span& one) { return one.id == run.g; });
  CHECK(equal(wanted, spans_of(*run.cut(request))));
  request.from_ticks = wanted[40].begin + 1;
  request.to_ticks = wanted[90].begin + 1;
  CHECK(equal(clipped(wanted, request.from_ticks, request.to_ticks), spans_of(*run.cut(request))));
}

TEST_CASE("window: a thread that rests in a call is in it", "[window]") {
  const Run run;
  const std::vector<Span> all = spans_of(*run.reader);
  // Within one long call of h, and behind the last op.
  const Span& resting = *std::find_if(
      all.begin() + 60, all.end(), [](const Span& one) { return one.end - one.begin > 1000; });
  spool::WindowRequest request = run.all();
  request.from_ticks = resting.begin + 100;
  request.to_ticks = resting.begin + 200;
  const auto window = run.cut(request);
  CHECK(equal(clipped(all, request.from_ticks, request.to_ticks), spans_of(*window)));
  CHECK(spans_of(*window).size() == 3);
}

TEST_CASE("window: threads that are not in it leave nothing", "[window]") {
  const Run run;
  spool::WindowRequest request = run.all();
  request.threads.assign(1, false);
  CHECK(run.cut(request)->model().threads.empty());
}

TEST_CASE("window: ticks of a time are the first that are not before it", "[window]") {
  const spool::ClockMap clock(
      ClockKind::kTsc, {{1000, 5000, 0}, {1'001'000, 405'000, 0}, {3'001'000, 1'205'000, 0}});
  for (const uint64_t ns : {uint64_t{5001}, uint64_t{77'777}, uint64_t{900'000}}) {
    const uint64_t ticks = spool::ticks_at(clock, ns);
    CHECK(clock.to_ns(ticks) >= ns);
    CHECK(clock.to_ns(ticks - 1) < ns);
  }
}

}  // namespace
}  // namespace vtn::test
