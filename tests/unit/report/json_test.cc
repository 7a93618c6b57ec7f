// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <simdjson.h>

#include "report/json/writer.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

struct Event {
  std::string ph;
  std::string name;
  uint64_t pid = 0;
  uint64_t tid = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  std::string argument;  // args.name
};

int64_t nanoseconds(double microseconds) { return llround(microseconds * 1000); }

struct JsonReport {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::vector<Event> events;

  explicit JsonReport(const std::string& path) {
    REQUIRE(parser.load(path).get(root) == simdjson::SUCCESS);
    for (simdjson::dom::element from : root["traceEvents"].get_array()) {
      Event event;
      event.ph = std::string(from["ph"].get_string().value());
      event.name = std::string(from["name"].get_string().value());
      event.pid = from["pid"].get_uint64().value();
      event.tid = from["tid"].get_uint64().value();
      double value = 0;
      if (from["ts"].get(value) == simdjson::SUCCESS) {
        event.start_ns = event.end_ns = nanoseconds(value);
      }
      if (from["dur"].get(value) == simdjson::SUCCESS) {
        event.end_ns = event.start_ns + nanoseconds(value);
      }
      std::string_view text;
      if (from["args"]["name"].get(text) == simdjson::SUCCESS) {
        event.argument = std::string(text);
      }
      events.push_back(event);
    }
  }

  std::vector<Event> calls(char ph = 'X') const {
    std::vector<Event> found;
    for (const Event& event : events) {
      if (event.ph[0] == ph) {
        found.push_back(event);
      }
    }
    return found;
  }
  const Event& call(const std::string& name) const {
    for (const Event& event : events) {
      if (event.name == name) {
        return event;
      }
    }
    FAIL("no event " << name);
    return events.front();
  }
};

std::string write(const spool::Reader& spool, const TemporaryFolder& folder, bool gzip = false) {
  report::WriteRequest options;
  options.path = folder.file(gzip ? "r.json.gz" : "r.json");
  options.gzip = gzip;
  options.settings.workers = 2;
  Status status = report::write_json(spool, options);
  if (!status) {
    FAIL(status.error().message);
  }
  return options.path;
}

}  // namespace

TEST_CASE("json: calls, names and times are what was recorded", "[json]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  const uint32_t len = process.c("builtins.len");
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  thread.enter(2500, len);
  thread.leave(2600, len);
  thread.leave(12'567'890'123, f);
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  const auto calls = report.calls();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].name == "builtins.len");  // as they end
  CHECK(calls[0].start_ns == 2500);
  CHECK(calls[0].end_ns == 2600);
  CHECK(calls[1].name == "f (/tmp/x.py:3)");
  CHECK(calls[1].start_ns == 2000);
  CHECK(calls[1].end_ns == 12'567'890'123);
  CHECK(calls[1].pid == 100);
  CHECK(calls[1].tid == 100);
  CHECK(report.call("process_name").argument == "x.py");
  CHECK(report.call("thread_name").argument == "MainThread");
  CHECK(report.root["viztracer_metadata"]["overflow"].get_bool().value() == false);
  CHECK(report.root["viztracer_native"]["calls"].get_uint64().value() == 2);
  CHECK(report.root["file_info"]["functions"]["f (/tmp/x.py:3)"].at(1).get_uint64().value() == 3);
}

TEST_CASE("json: nothing recorded is still a report", "[json]") {
  Recording run;
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  CHECK(report.events.empty());
}

TEST_CASE("json: any name becomes valid text", "[json]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t odd = process.c("a\"b\\c\x01\n\xff\xed\xa0\x80z");
  FakeThread thread = process.thread(1);
  thread.enter(10, odd);
  thread.leave(20, odd);
  thread.enter(30, 4'000'000);  // nobody has named it
  thread.leave(40, 4'000'000);
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  REQUIRE(report.calls().size() == 2);
  const bool same = report.calls()[0].name ==  // TAP prints no bytes
                    "a\"b\\c\x01\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz";
  CHECK(same);
  CHECK(report.calls()[1].name == "(function 4000000 without a name)");
}

// No JSON reader takes a byte below 0x20, and Perfetto's takes no 0x7f either.
TEST_CASE("json: no control character stands in a text as it is", "[json]") {
  std::string odd;
  for (int byte = 1; byte < 0x100; ++byte) {
    odd += static_cast<char>(byte);
  }
  Recording run;
  const std::string source = run.folder.file("\x7f.py");
  REQUIRE(write_all(create_file(source).get(), odd).has_value());
  FakeProcess process(run, 7, 1);
  process.describe("/bin/python3\x7f" + odd, run.folder.path() + "\x7f", {"x\x7f", odd, "\x7f.py"});
  process.text(NameRecord::kProcessName, 0, odd);
  process.text(NameRecord::kThreadName, 0, odd);
  process.text(NameRecord::kNotice, 1, odd);
  const uint32_t f = process.python(odd, source, 1);
  const uint32_t g = process.c(odd + "g");
  FakeThread thread = process.thread(7);
  thread.enter(10, f);
  thread.enter(20, g);
  auto spool = run.read();
  const std::string path = write(*spool, run.folder);
  const JsonReport report(path);
  CHECK(report.calls('B').size() == 2);
  CHECK(report.root["file_info"]["files"].get_object().size() == 1);
  const std::string text = read_file(path).value();
  size_t raw = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    inside = inside != (byte == '"');
    i += inside && byte == '\\' ? 1 : 0;
    raw += byte == 0x7f || (byte < 0x20 && (inside || byte != '\n')) ? 1 : 0;
  }
  CHECK(raw == 0);
  CHECK_FALSE(inside);
}

TEST_CASE("json: calls open at the end are drawn open, unless something follows", "[json]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  const uint32_t g = process.python("g");
  FakeThread first = process.thread(70);
  first.enter(10, f);
  first.enter(20, g);
  FakeThread second = process.thread(70);  // the same tid came back
  second.enter(1000, g);
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  const auto closed = report.calls('X');
  const auto open = report.calls('B');
  REQUIRE(closed.size() == 2);
  REQUIRE(open.size() == 1);
  CHECK(open[0].start_ns == 1000);
  CHECK(closed[0].name.substr(0, 1) == "g");
  CHECK(closed[1].name.substr(0, 1) == "f");
  CHECK(closed[0].end_ns < closed[1].end_ns);
  CHECK(closed[1].end_ns < 1000);
}

TEST_CASE("json: an instance that is called is not taken for its class", "[json]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  FakeThread thread = process.thread(7);
  uint64_t ticks = 0;
  for (const FunctionKind kind : {FunctionKind::kType, FunctionKind::kCallable}) {
    const uint32_t id = process.function(kind, "Flask");
    thread.enter(ticks += 10, id);
    thread.leave(ticks += 10, id);
  }
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  REQUIRE(report.calls().size() == 2);
  CHECK(report.calls()[0].name == "Flask");
  CHECK(report.calls()[1].name == "<Flask object>");
}

TEST_CASE("json: losses are told of each process that had some", "[json]") {
  constexpr uint32_t kImages = 100'000;
  spool::Model model;
  model.images.resize(kImages);
  model.threads.resize(kImages);
  for (uint32_t i = 0; i < kImages; ++i) {
    model.images[i].image = i;
    model.images[i].end.lost_events = 10;
    model.images[i].end.end_ticks = 1000;
    model.threads[i].image = i;
    model.threads[i].last_ticks = 500;
    model.threads[i].lost_events = i % 2 == 0 ? 10 : 4;
  }
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  const std::vector<report::UntoldLoss> losses = report::untold_losses(model, clock);
  REQUIRE(losses.size() == kImages / 2);
  CHECK(losses[1].image == 3);
  CHECK(losses[1].events == 6);
  CHECK(losses[1].start_ns == 500);
}

TEST_CASE("json: deeper calls go on tracks of their own", "[json]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(7);
  constexpr uint32_t kDepth = 2000;
  uint64_t ticks = 100;
  for (uint32_t i = 0; i < kDepth; ++i) {
    thread.enter(ticks += 10, f);
  }
  for (uint32_t i = 0; i < kDepth; ++i) {
    thread.leave(ticks += 10, f);
  }
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  std::map<uint64_t, uint32_t> per_tid;
  for (const Event& event : report.calls()) {
    ++per_tid[event.tid];
  }
  CHECK(per_tid == std::map<uint64_t, uint32_t>{
                       {7, 512}, {0x50000000, 512}, {0x50000001, 512}, {0x50000002, 464}});
  CHECK(report.root["viztracer_native"]["deep_tracks"].get_array().size() == 3);
}

TEST_CASE("json: sources are in file_info, relative ones from the process's folder", "[json]") {
  Recording run;
  REQUIRE(
      write_all(create_file(run.folder.file("a.py")).get(), "x = 1\ny = \"\xff\"\n").has_value());
  FakeProcess process(run, 7, 1);
  process.describe("/usr/bin/python3", run.folder.path(), {"python3", "a.py"});
  const uint32_t f = process.python("f", "a.py", 1);
  (void)process.python("g", "/nowhere/b.py", 1);
  (void)process.python("h", "/dev/zero", 1);
  (void)process.python("i", "<frozen x>", 1);
  FakeThread thread = process.thread(7);
  thread.enter(1, f);
  auto spool = run.read();
  const JsonReport report(write(*spool, run.folder));
  simdjson::dom::object files = report.root["file_info"]["files"].get_object();
  REQUIRE(files.size() == 1);
  const bool same = std::string(files["a.py"].at(0).get_string().value()) ==  // TAP prints no bytes
                    "x = 1\ny = \"\xef\xbf\xbd\"\n";
  CHECK(same);
  CHECK(files["a.py"].at(1).get_uint64().value() == 2);
}

}  // namespace vtn::test
