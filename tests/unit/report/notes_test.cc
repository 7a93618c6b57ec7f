// SPDX-License-Identifier: Apache-2.0
//
// What notes become in a report, in both formats.
#include <map>

#include <simdjson.h>

#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "tests/support/recording.h"
#include "tests/unit/report/perfetto_model.h"

namespace vtn::test {
namespace {

constexpr auto kName = static_cast<uint32_t>(NoteKind::kThreadName);
constexpr auto kLine = static_cast<uint32_t>(NoteKind::kCallerLine);

uint64_t number_or_0(const simdjson::simdjson_result<simdjson::dom::element>& from) {
  uint64_t value = 0;
  return from.get(value) == simdjson::SUCCESS ? value : 0;
}

using Told = std::vector<std::pair<std::string, uint64_t>>;  // a call and its caller's line

struct Json {
  simdjson::dom::parser parser;
  simdjson::dom::element root;

  Json(const spool::Reader& spool, const TemporaryFolder& folder) {
    report::WriteRequest request;
    request.path = folder.file("r.json");
    REQUIRE(report::write_json(spool, request).has_value());
    REQUIRE(parser.load(request.path).get(root) == simdjson::SUCCESS);
  }

  // By the starts of the calls. What VizTracer reads and what viewers show is the same.
  Told lines() const {
    std::multimap<double, std::pair<std::string, uint64_t>> found;
    for (simdjson::dom::element event : root["traceEvents"].get_array()) {
      const std::string_view ph = event["ph"].get_string().value();
      if (ph != "X" && ph != "B") {
        continue;
      }
      const uint64_t line = number_or_0(event["caller_lineno"]);
      CHECK(number_or_0(event["args"]["caller_lineno"]) == line);
      found.emplace(event["ts"].get_double().value(),
                    std::pair(std::string(event["name"].get_string().value().substr(0, 1)), line));
    }
    Told told;
    for (auto& [ts, call] : found) {
      told.push_back(call);
    }
    return told;
  }

  std::vector<std::pair<std::string, int64_t>> instants() const {
    std::vector<std::pair<std::string, int64_t>> found;
    for (simdjson::dom::element event : root["traceEvents"].get_array()) {
      if (std::string_view(event["ph"].get_string().value()) == "i") {
        CHECK(std::string_view(event["cat"].get_string().value()) == "thread");
        found.emplace_back(std::string(event["name"].get_string().value()),
                           llround(event["ts"].get_double().value() * 1000));
      }
    }
    return found;
  }
};

std::string perfetto(const spool::Reader& spool, const TemporaryFolder& folder) {
  report::WriteRequest request;
  request.path = folder.file("r.pftrace");
  REQUIRE(report::write_perfetto(spool, request).has_value());
  return read_file(request.path, uint64_t{1} << 32).value();
}

Told lines_of(const PerfettoTrackInfo& track) {
  Told told;
  for (const auto& slice : track.slices) {
    const auto found = slice.args.find("caller_lineno");
    told.emplace_back(slice.name.substr(0, 1),
                      found == slice.args.end() ? 0 : std::stoull(found->second));
  }
  return told;
}

}  // namespace

TEST_CASE("notes: the lines of callers, of calls that end and that do not", "[notes]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(7);
  thread.enter(100, a);  // by nobody
  thread.note(109, kLine, 12);
  thread.enter(110, b);
  thread.leave(120, b);
  thread.enter(130, b);  // from the same line
  thread.leave(140, b);
  thread.note(149, kLine, spool::kMaxCallerLine);
  thread.enter(150, b);
  thread.note(159, kLine, 3);
  thread.enter(160, a);
  thread.finish();
  thread.enter(200, b);  // another chunk: nothing is told of it
  thread.leave(210, b);
  thread.leave(220, a);
  thread.leave(230, b);
  thread.note(239, kLine, 44);
  thread.enter(240, b);  // stays open
  auto spool = run.read();
  const Told told = {
      {"a", 0}, {"b", 12}, {"b", 12}, {"b", spool::kMaxCallerLine}, {"a", 3}, {"b", 0}, {"b", 44}};
  CHECK(Json(*spool, run.folder).lines() == told);
  const PerfettoModel model(perfetto(*spool, run.folder));
  CHECK(model.errors.empty());
  CHECK(lines_of(model.track_of(7)) == told);
}

TEST_CASE("notes: calls closed for want of an end keep both arguments", "[notes]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t a = process.python("a");
  FakeThread first = process.thread(70);
  first.note(9, kLine, 5);
  first.enter(10, a);
  FakeThread second = process.thread(70);  // the same tid came back
  second.enter(1000, a);
  auto spool = run.read();
  const Json json(*spool, run.folder);
  CHECK(json.lines() == Told{{"a", 5}, {"a", 0}});
  size_t unfinished = 0;
  for (simdjson::dom::element event : json.root["traceEvents"].get_array()) {
    bool value = false;
    unfinished += event["args"]["unfinished"].get(value) == simdjson::SUCCESS && value ? 1 : 0;
  }
  CHECK(unfinished == 1);
}

TEST_CASE("notes: many lines, deep and shallow", "[notes]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  for (const uint32_t depth : {40u, 1300u}) {
    FakeThread thread = process.thread(depth);
    uint64_t ticks = 100;
    for (uint32_t round = 0; round < 4; ++round) {
      for (uint32_t i = 0; i < depth; ++i) {
        thread.note(ticks, kLine, 1 + i * i % 70'000);
        thread.enter(ticks += 10, f);
      }
      for (uint32_t i = 0; i < depth; ++i) {
        thread.leave(ticks += 10, f);
      }
    }
  }
  auto spool = run.read();
  const PerfettoModel model(perfetto(*spool, run.folder));
  for (const std::string& error : model.errors) {
    WARN(error);
  }
  CHECK(model.errors.empty());
  uint64_t expected = 0;
  for (const uint64_t depth : {40, 1300}) {
    for (uint64_t i = 0; i < depth; ++i) {
      expected += 4 * (1 + i * i % 70'000);
    }
  }
  uint64_t drawn = 0;
  for (const auto& [uuid, track] : model.tracks) {
    for (const auto& [name, line] : lines_of(track)) {
      drawn += line;
    }
  }
  CHECK(drawn == expected);
  uint64_t written = 0;
  for (const auto& [name, line] : Json(*spool, run.folder).lines()) {
    written += line;
  }
  CHECK(written == expected);
}

TEST_CASE("notes: a thread's row has its last name, an instant marks each change", "[notes]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(7);
  process.text(NameRecord::kThreadName, 0, "first");
  thread.enter(100, f);
  process.text(NameRecord::kThreadName, 0, "se\"cond");
  thread.note(150, kName, 0, "se\"cond");
  thread.leave(200, f);
  thread.note(205, 63, 0, "of a newer tracer");
  process.text(NameRecord::kThreadName, 0, "third");
  thread.note(210, kName, 0, "third");  // behind all calls
  FakeThread other = process.thread(8);
  other.enter(300, f);
  auto spool = run.read();
  const Json json(*spool, run.folder);
  CHECK(json.instants() == std::vector<std::pair<std::string, int64_t>>{
                               {"thread renamed: se\"cond", 200}, {"thread renamed: third", 200}});
  std::map<uint64_t, std::string> rows;
  for (simdjson::dom::element event : json.root["traceEvents"].get_array()) {
    if (std::string_view(event["name"].get_string().value()) == "thread_name") {
      rows[event["tid"].get_uint64().value()] =
          std::string(event["args"]["name"].get_string().value());
    }
  }
  CHECK(rows == std::map<uint64_t, std::string>{{7, "third"}, {8, "thread 8"}});
  simdjson::dom::array renamed = json.root["viztracer_native"]["renamed_threads"].get_array();
  REQUIRE(renamed.size() == 1);
  CHECK(renamed.at(0)["tid"].get_uint64().value() == 7);
  CHECK(renamed.at(0)["names"].get_array().size() == 3);
  CHECK(renamed.at(0)["names"].at(1).get_string().value() == "se\"cond");

  const PerfettoModel model(perfetto(*spool, run.folder));
  CHECK(model.errors.empty());
  const PerfettoTrackInfo& track = model.track_of(7);
  CHECK(track.name == "third");
  REQUIRE(track.instants.size() == 2);
  CHECK(track.instants[0].name == "thread renamed: se\"cond");
  CHECK(track.instants[0].start_ns == 200);
  CHECK(track.instants[1].name == "thread renamed: third");
  CHECK(model.attributes.at("names of thread 7") == "first, se\"cond, third");
}

TEST_CASE("notes: a name in a chunk without a call moves no call", "[notes]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(7);
  thread.note(5000, kName, 0, "early");
  thread.finish();
  thread.enter(6000, f);
  thread.leave(6010, f);
  thread.finish();
  thread.note(7000, kName, 0, "late");
  thread.finish();
  thread.enter(8000, f);
  thread.leave(8010, f);
  auto spool = run.read();
  const PerfettoModel model(perfetto(*spool, run.folder));
  CHECK(model.errors.empty());
  const PerfettoTrackInfo& track = model.track_of(7);
  REQUIRE(track.slices.size() == 2);
  CHECK(track.slices[0].start_ns == 6000);
  CHECK(track.slices[1].end_ns == 8010);
  REQUIRE(track.instants.size() == 2);
  CHECK(track.instants[1].start_ns == 6010);  // what is known: not before
  CHECK(Json(*spool, run.folder).instants().size() == 2);
}

TEST_CASE("notes: what there is to know of a process is told in words", "[notes]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  process.text(NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kProfilerTaken), "");
  process.text(NameRecord::kNotice, 99, "text");
  FakeThread thread = process.thread(7);
  thread.enter(10, f);
  auto spool = run.read();
  const Json json(*spool, run.folder);
  simdjson::dom::array notices =
      json.root["viztracer_native"]["processes"].at(0)["images"].at(0)["notices"].get_array();
  REQUIRE(notices.size() == 2);
  CHECK(notices.at(0).get_string().value().substr(0, 26) == "the program's own profiler");
  CHECK(notices.at(1).get_string().value() == "notice 99 of a newer recorder (text)");
  const PerfettoModel model(perfetto(*spool, run.folder));
  CHECK(model.errors.empty());
  const std::string& slice = model.track_in(7, "process").slices.at(0).args.at("notices");
  CHECK(slice.substr(0, 26) == "the program's own profiler");
  const std::string& all = model.attributes.at("notices of process 7");
  CHECK(all.substr(0, 26) == "the program's own profiler");
  CHECK(all.find("; notice 99 of a newer recorder (text)") != std::string::npos);
}

}  // namespace vtn::test
