// SPDX-License-Identifier: Apache-2.0
//
// Marks in reports: instants and counters, in both formats.
#include "report/marks.h"

#include <simdjson.h>

#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "tests/support/recording.h"
#include "tests/unit/report/perfetto_model.h"

namespace vtn::test {
namespace {

template <class T>
std::string bytes_of(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string named(const std::string& name, const std::string& value) {
  return bytes_of(static_cast<uint16_t>(name.size())) + name + value;
}
std::string whole(int64_t number) { return "i" + bytes_of(number); }
std::string real(double number) { return "d" + bytes_of(number); }
std::string str(const std::string& text) {
  return "s" + bytes_of(static_cast<uint32_t>(text.size())) +
         bytes_of(static_cast<uint16_t>(text.size())) + text;
}

spool::Note note_of(NoteKind kind, const std::string& bytes) {
  return {0, static_cast<uint32_t>(kind), 17, bytes, 0};
}

}  // namespace

TEST_CASE("marks: a value without a name is the mark's own", "[marks]") {
  spool::FunctionInfo name;
  name.name = "x";
  name.file = "variable";
  const std::string bytes = named("", whole(3)) + named("more", str("a")) + named("", str("b"));
  const report::Instant instant = report::instant_of(note_of(NoteKind::kInstant, bytes), &name);
  CHECK(instant.name == "x = 3 = 'b'");
  CHECK(instant.category == "variable");
  REQUIRE(instant.values.size() == 3);
  CHECK(instant.values[0] == std::pair<std::string, std::string>("value", "3"));
  CHECK(instant.values[1] == std::pair<std::string, std::string>("more", "'a'"));
  const std::string large = named("", str(std::string(300, 'y')));
  CHECK(report::instant_of(note_of(NoteKind::kInstant, large), &name).name ==
        "x = '" + std::string(119, 'y') + "...");
  CHECK(report::instant_of(note_of(NoteKind::kInstant, ""), nullptr).name == "mark 17");
}

TEST_CASE("marks: any bytes do no harm", "[marks]") {
  const std::string sound = named("", whole(3)) + named("more", str("a")) + named("n", real(1.5));
  for (size_t cut = 0; cut < sound.size(); ++cut) {
    for (const NoteKind kind : {NoteKind::kInstant, NoteKind::kCounter}) {
      const std::string bytes = sound.substr(0, cut);
      CHECK(report::instant_of(note_of(kind, bytes), nullptr).values.size() <= 3);
      (void)report::counter_of(note_of(kind, bytes), nullptr);
      std::string turned = sound;
      turned[cut] = static_cast<char>(~turned[cut]);
      CHECK(report::instant_of(note_of(kind, turned), nullptr).values.size() <= sound.size());
      (void)report::counter_of(note_of(kind, turned), nullptr);
    }
  }
}

TEST_CASE("marks: numbers in JSON", "[marks]") {
  const auto number = [](const std::string& value) {
    return report::json_number(
        report::counter_of(note_of(NoteKind::kCounter, named("", value)), nullptr).number);
  };
  CHECK(number(whole(-7)) == "-7");
  CHECK(number(real(0.5)) == "0.5");
  CHECK(number(real(1e300)) == "1e+300");
  CHECK(number(real(INFINITY)) == "null");
  CHECK(number(real(NAN)) == "null");
  CHECK(number("T") == "1");
  CHECK(number("F") == "0");
  CHECK(number(str("7")) == "null");
}

TEST_CASE("marks: instants and counters stand where they happened", "[marks]") {
  // Few calls, whose stamps are absolute; and many, whose are not.
  for (const uint32_t calls : {2u, 10'000u}) {
    Recording run;
    FakeProcess process(run, 7, 1);
    const uint32_t f = process.python("f");
    const uint32_t x = process.function(FunctionKind::kInstant, "x", "variable");
    const uint32_t n = process.function(FunctionKind::kCounter, "n", "variable");
    FakeThread thread = process.thread(7);
    uint64_t ticks = 1000;
    thread.enter(ticks, f);
    for (uint32_t i = 0; i < calls; ++i) {
      thread.enter(ticks += 10, f);
      thread.leave(ticks += 10, f);
    }
    thread.mark(1005, NoteKind::kInstant, x, named("", str("a\"b")));
    thread.mark(1006, NoteKind::kCounter, n, named("", whole(-4)));
    thread.mark(1007, NoteKind::kCounter, n, named("", real(2.5)));
    thread.leave(ticks + 10, f);
    auto spool = run.read();
    report::WriteRequest request;
    request.path = run.folder.file("r.pftrace");
    REQUIRE(report::write_perfetto(*spool, request).has_value());
    const PerfettoModel model(read_file(request.path, uint64_t{1} << 32).value());
    CHECK(model.errors.empty());
    const PerfettoTrackInfo& track = model.track_of(7);
    REQUIRE(track.instants.size() == 1);
    CHECK(track.instants[0].name == "x = 'a\"b'");
    CHECK(track.instants[0].start_ns == 1005);
    CHECK(track.instants[0].category == "variable");
    CHECK(track.instants[0].inside == "f (/x.py:1)");
    CHECK(track.instants[0].args.at("value") == "'a\"b'");
    const PerfettoTrackInfo& counter = model.track_in(7, "n");
    CHECK(counter.counts);
    CHECK(counter.values == std::vector<std::pair<uint64_t, double>>{{1006, -4}, {1007, 2.5}});
    CHECK(track.slices.size() == calls + 1);

    request.path = run.folder.file("r.json");
    REQUIRE(report::write_json(*spool, request).has_value());
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    REQUIRE(parser.load(request.path).get(root) == simdjson::SUCCESS);
    std::vector<std::string> told;
    for (simdjson::dom::element event : root["traceEvents"].get_array()) {
      const std::string ph(event["ph"].get_string().value());
      if (ph == "i" || ph == "C") {
        told.push_back(ph + " " + std::string(event["name"].get_string().value()) + " " +
                       std::to_string(llround(event["ts"].get_double().value() * 1000)) + " " +
                       simdjson::minify(event["args"].value()));
      }
    }
    CHECK(told == std::vector<std::string>{R"(i x = 'a"b' 1005 {"value":"'a\"b'"})",
                                           R"(C n 1006 {"value":-4})",
                                           R"(C n 1007 {"value":2.5})"});
  }
}

TEST_CASE("marks: what is attached to a call is an argument of it", "[marks]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  process.text(NameRecord::kParameters, f, std::string("n\0m\0", 4));
  const uint32_t key = process.function(FunctionKind::kInstant, "rows", "instant");
  FakeThread thread = process.thread(7);
  thread.note(100, static_cast<uint32_t>(NoteKind::kArguments), 2, whole(1) + whole(2));
  thread.enter(100, f);
  thread.call_value(110, f, key, named("rows", whole(3)));
  thread.call_value(120, f, key, named("m", str("new")));
  thread.note(130, static_cast<uint32_t>(NoteKind::kReturnValue), 0, whole(4));
  thread.leave(130, f);
  thread.enter(200, f);
  thread.call_value(210, f, key, named("rows", whole(5)));  // for ever open
  auto spool = run.read();
  report::WriteRequest request;
  request.path = run.folder.file("r.json");
  REQUIRE(report::write_json(*spool, request).has_value());
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  REQUIRE(parser.load(request.path).get(root) == simdjson::SUCCESS);
  std::vector<std::string> args;
  for (simdjson::dom::element event : root["traceEvents"].get_array()) {
    simdjson::dom::element found;
    if (event["args"]["func_args"].get(found) == simdjson::SUCCESS) {
      args.push_back(simdjson::minify(found));
    }
  }
  CHECK(args == std::vector<std::string>{R"({"n":"1","m":"'new'","rows":"3"})", R"({"rows":"5"})"});
  request.path = run.folder.file("r.pftrace");
  REQUIRE(report::write_perfetto(*spool, request).has_value());
  const PerfettoModel model(read_file(request.path, uint64_t{1} << 32).value());
  CHECK(model.errors.empty());
  const PerfettoTrackInfo& track = model.track_of(7);
  REQUIRE(track.slices.size() == 2);
  const auto& told = track.slices[0].args;
  CHECK(told.at("func_args.rows") == "3");
  CHECK(told.at("func_args.n") == "1");
  CHECK(told.at("func_args.m") == "'new'");
  CHECK(told.at("return_value") == "4");
}

}  // namespace vtn::test
