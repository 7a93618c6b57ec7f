// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "importer/json/text.h"
#include "importer/json/value.h"
#include "importer/recording.h"
#include "tests/unit/importer/importing.h"

namespace vtn::test {
namespace {

std::string event(char phase, double ts, const std::string& name, const std::string& more = "") {
  char head[128];
  snprintf(head, sizeof(head), R"({"ph":"%c","pid":1,"tid":2,"ts":%.3f,"name":")", phase, ts);
  return head + name + "\"" + (more.empty() ? "" : ",") + more + "}";
}
std::string call(double ts, double dur, const std::string& name, const std::string& more = "") {
  return event('X', ts, name, "\"dur\":" + std::to_string(dur) + (more.empty() ? "" : ",") + more);
}
std::string trace(const std::vector<std::string>& events, const std::string& more = "") {
  std::string text = "{\"traceEvents\": [";
  for (size_t i = 0; i < events.size(); ++i) {
    text += (i == 0 ? "" : ", ") + events[i];
  }
  return text + "]" + more + "}";
}

std::vector<std::string> remarks_of(const std::string& text) {
  auto imported = import_bytes(text);
  REQUIRE(imported.has_value());
  return imported->remarks;
}

}  // namespace

TEST_CASE("json: times are exact to the nanosecond", "[importer]") {
  CHECK(importer::nanoseconds_of("2400226175.65") == 2400226175650u);
  CHECK(importer::nanoseconds_of("0.11000007846507584") == 110u);
  CHECK(importer::nanoseconds_of("0.1106") == 111u);
  CHECK(importer::nanoseconds_of("9007199254740.993") == 9007199254740993u);
  CHECK(importer::nanoseconds_of("3") == 3000u);
  CHECK(importer::nanoseconds_of("1.5e3") == 1500000u);
  CHECK(!importer::nanoseconds_of("-1"));
  CHECK(!importer::nanoseconds_of("NaN"));
  CHECK(!importer::nanoseconds_of(""));
  CHECK(!importer::nanoseconds_of("99999999999999999999999"));
}

TEST_CASE("json: what strings say", "[importer]") {
  CHECK(importer::unescaped(R"(a\"\\\/\n\u0041\u00e9\ud83d\ude00)") ==
        "a\"\\/\nA\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(importer::unescaped(R"(\ud800x)") == "\xed\xa0\x80x");
  CHECK(importer::unescaped("\\u12") == "\\u12");
}

TEST_CASE("json: calls nest by time, whatever the order of the file", "[importer]") {
  const std::string wanted = "+a@1000 +b@2000 +c@2500 -@2600 -@3000 +b@4000 -@5000 -@9000";
  std::vector<std::string> events = {
      call(2.5, 0.1, "c"), call(2, 1, "b"), call(4, 1, "b"), call(1, 8, "a")};
  std::mt19937 random(1);
  for (int i = 0; i < 10; ++i) {
    CHECK(told(trace(events)) == wanted);
    std::shuffle(events.begin(), events.end(), random);
  }
}

TEST_CASE("json: an array of events may lack its end", "[importer]") {
  CHECK(told("[" + call(1, 2, "f") + ",\n" + call(5, 1, "g")) == "+f@1000 -@3000 +g@5000 -@6000");
  CHECK(told("[" + call(1, 2, "f") + ",]") == "+f@1000 -@3000");
}

TEST_CASE("json: of calls with the same times the one told last is the caller", "[importer]") {
  CHECK(told(trace({call(1, 2, "inner"), call(1, 2, "outer")})) ==
        "+outer@1000 +inner@1001 -@3000 -@3001");
  // A call of no time as its caller ends; and one that comes after it.
  CHECK(told(trace({call(3, 0, "in"), call(1, 2, "f")})) == "+f@1000 +in@3000 -@3001 -@3002");
  CHECK(told(trace({call(1, 2, "f"), call(3, 0, "after")})) == "+f@1000 -@3000 +after@3001 -@3002");
}

TEST_CASE("json: calls that do not nest are cut or get a row of their own", "[importer]") {
  const std::string little = trace({call(1, 5, "f"), call(3, 3.5, "g")});
  CHECK(told(little) == "+f@1000 +g@3000 -@6000 -@6001");
  CHECK(remarks_of(little).front() ==
        "1 calls that outlast their callers (by 500 ns at most) are cut where those end");
  const std::string much = trace({call(1, 5, "f"), call(3, 30, "g")});
  auto imported = import_bytes(much);
  REQUIRE(imported.has_value());
  const spool::Model& model = imported->recording->model();
  REQUIRE(model.threads.size() == 2);
  CHECK(told(*imported->recording, 0) == "+f@1000 -@6000");
  CHECK(told(*imported->recording, 1) == "+g@3000 -@33000");
  CHECK(model.images[0].thread_names.at(1).back() == "thread 2 (beside)");
  CHECK(imported->remarks.front() ==
        "1 calls that overlap others without being in them are on rows beside");
}

TEST_CASE("json: begins and ends that are told one by one", "[importer]") {
  CHECK(
      told(trace({event('B', 1, "f"), event('B', 2, "g"), event('E', 3, ""), event('E', 4, "")})) ==
      "+f@1000 +g@2000 -@3000 -@4000");
  CHECK(
      told(trace({event('B', 1, "f"), event('B', 1, "g"), event('E', 1, ""), event('E', 1, "")})) ==
      "+f@1000 +g@1001 -@1002 -@1003");
  const std::string stray = trace({event('E', 1, ""), event('B', 2, "open"), call(3, 1, "f")});
  CHECK(told(stray) == "+open@2000 +f@3000 -@4000");
  CHECK(remarks_of(stray).front() == "1 ends without a begin are left out");
  // One that never ends, within one that does.
  CHECK(told(trace({call(1, 5, "f"), event('B', 2, "open")})) ==
        "+f@1000 +open@2000 !@6000 -@6001");
}

TEST_CASE("json: values of calls, lines, unfinished calls", "[importer]") {
  const std::string more =
      R"("caller_lineno":7,"args":{"func_args":{"a":"1","b":"'x'"},"return_value":"None","note":5})";
  auto imported = import_bytes(trace({call(1, 1, "f", more),
                                      call(3, 1, "f", R"("args":{"func_args":{"b":"2"}})"),
                                      call(5, 1, "open", R"("args":{"unfinished":true})")}));
  REQUIRE(imported.has_value());
  CHECK(told(*imported->recording, 0) ==
        "[1 'x' 5] [line 7] +f@1000 [None] -@2000 [?] [line 0] +f@3000 -@4000 +open@5000");
  const spool::ImageInfo& image = imported->recording->model().images[0];
  CHECK(image.functions[0].parameters == std::vector<std::string>{"a", "b", "note"});
  CHECK(imported->recording->model().threads[0].open.size() == 1);
}

TEST_CASE("json: what an end is told of is the call's", "[importer]") {
  const auto imported =
      import_bytes(trace({event('B', 1, "f"),
                          event('B', 2, "g"),
                          event('E', 3, "", R"("args":{"rows":3,"return_value":"None"})"),
                          event('E', 4, "", R"("args":{"func_args":{"rows":"5"}})"),
                          event('E', 5, "", R"("args":{"of":"nothing"})")}));
  REQUIRE(imported.has_value());
  CHECK(told(*imported->recording, 0) == "+f@1000 +g@2000 [rows 3] [None] -@3000 [rows 5] -@4000");
}

TEST_CASE("json: instants, counters, objects; what has no place is counted", "[importer]") {
  const std::string text = trace({event('i', 1, "x = 3", R"("s":"t","cat":"INSTANT","args":null)"),
                                  event('I', 2, "y = ab...", R"("args":{"value":"abcd","more":1})"),
                                  event('C', 3, "gc", R"("args":{"value":4})"),
                                  event('C', 4, "gc", R"("args":{"a":1,"b":2.5})"),
                                  event('O', 5, "v", R"("id":"0x1","args":{"snapshot":{"a":1}})"),
                                  event('s', 6, "flow", R"("id":1)"),
                                  event('b', 7, "async"),
                                  event('X', 8, "no dur"),
                                  R"({"ph":"X","pid":1,"tid":2,"name":"no time","dur":1})"});
  CHECK(told(text) ==
        "{x@1000 3} {y@2000 abcd more 1} {gc@3000} {gc.a@4000} {gc.b@4000} "
        "{v@5000 event snapshot id 0x1 snapshot {\"a\":1}} +no dur@8000");
  const std::vector<std::string> remarks = remarks_of(text);
  REQUIRE(remarks.size() == 4);
  CHECK(remarks[1] ==
        "1 ends of flow arrows are left out: a recording has those of processes only");
  CHECK(remarks[2] == "1 events have no time, or none that makes sense, and are left out");
  CHECK(remarks[3] == "1 events of phase b are left out");
}

TEST_CASE("json: names of functions, threads and processes", "[importer]") {
  const std::string text =
      trace({R"({"ph":"M","pid":1,"tid":1,"name":"process_name","args":{"name":"app"}})",
             R"({"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"worker"}})",
             call(1, 1, "C.f (/a (b)/x.py:3)"),
             call(3, 1, "len"),
             call(5, 1, "<K object>"),
             call(7, 1, "gen (g.py:1)"),
             call(9, 1, "gen (g.py:1)", R"("resumed":true)")});
  auto imported = import_bytes(text);
  REQUIRE(imported.has_value());
  const spool::Model& model = imported->recording->model();
  const spool::ImageInfo& image = model.images[0];
  CHECK(image.pid == 1);
  CHECK(model.threads[0].tid == 2);
  CHECK(image.thread_names.at(0).back() == "worker");
  CHECK(model.process_ends[0].title == "app");
  CHECK(image.functions[0].kind == FunctionKind::kPython);
  CHECK(image.functions[0].name == "C.f");
  CHECK(image.functions[0].file == "/a (b)/x.py");
  CHECK(image.functions[0].line == 3);
  CHECK(image.functions[1].kind == FunctionKind::kC);
  CHECK(image.functions[2].kind == FunctionKind::kCallable);
  CHECK(image.functions[2].name == "K");
  CHECK(told(*imported->recording, 0).ends_with("+gen@7000 -@8000 +gen~@9000 -@10000"));
}

TEST_CASE("json: the metadata say when it was, and sources are kept", "[importer]") {
  auto imported = import_bytes(trace({call(1, 1, "f (x.py:1)")}, R"json(,
      "viztracer_metadata": {"version": "1.1.1", "overflow": false, "baseTimeNanoseconds": 5000},
      "file_info": {"files": {"x.py": ["def f():\n  pass\n", 2]},
                    "functions": {"f (x.py:1)": ["x.py", 1]}},
      "displayTimeUnit": "ns")json"));
  REQUIRE(imported.has_value());
  CHECK(imported->what == "VizTracer 1.1.1");
  const spool::Model& model = imported->recording->model();
  CHECK(model.clock.at(0).realtime_ns - model.clock.at(0).monotonic_ns == 5000);
  REQUIRE(model.sources.contains("x.py"));
  const spool::SourceInfo& source = model.sources.at("x.py");
  CHECK(imported->recording->read_source(source).value() == "def f():\n  pass\n");
}

TEST_CASE("json: older events that were lost are told of", "[importer]") {
  CHECK(remarks_of(
            trace({call(1, 1, "f")}, R"(,"viztracer_metadata":{"version":"1","overflow":true})")) ==
        std::vector<std::string>{"older events were lost while it was recorded, it says"});
}

TEST_CASE("json: damaged files give one line that says where", "[importer]") {
  CHECK(import_error("{\"traceEvents\": [" + call(1, 1, "f") + ", {\"ph\": X}]}") ==
        "trace is damaged at offset 89: an event makes no sense there");
  CHECK(import_error("{\"traceEvents\": [" + call(1, 1, "f")) ==
        "trace is cut short at offset 80: viztracer-native --recover trace -o OUT makes a report "
        "of what is there");
  CHECK(import_error("{\"a\": 1}") == "trace holds no trace: it has no traceEvents");
  CHECK(import_error("hello").starts_with("trace is neither a recording nor a trace"));
  auto partial = import_bytes("{\"traceEvents\": [" + call(1, 1, "f") + ", {\"ph\": X}]}", true);
  REQUIRE(partial.has_value());
  CHECK(told(*partial->recording, 0) == "+f@1000 -@2000");
}

TEST_CASE("json: frames follow one another where calls last through several", "[importer]") {
  std::vector<std::string> events = {event('B', 0.5, "open"),
                                     call(1, 1e6, "outer", R"("args":{"func_args":{"n":"9"}})")};
  for (int i = 0; i < 40000; ++i) {
    events.push_back(call(2 + i, 0.5, "inner"));
  }
  auto imported = import_bytes(trace(events));
  REQUIRE(imported.has_value());
  const spool::Model& model = imported->recording->model();
  REQUIRE(model.threads.size() == 1);
  CHECK(model.threads[0].frames >= 4);
  CHECK(model.threads[0].calls == 40002);
  CHECK(model.threads[0].open.size() == 1);
  const std::string text = told(*imported->recording, 0);
  CHECK(text.ends_with("[9] -@1000001000"));  // the arguments are told again with the end
}

}  // namespace vtn::test
