// SPDX-License-Identifier: Apache-2.0
//
// A process tree without processes, as JSON and as a Perfetto trace.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <math.h>
#include <simdjson.h>

#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "tests/support/catch.h"
#include "tests/support/tree_recording.h"
#include "tests/unit/report/perfetto_model.h"

namespace vtn::test {

inline constexpr EventKind kEnter = EventKind::kEnter;
inline constexpr EventKind kLeave = EventKind::kLeave;
inline constexpr int kStatus3 = 3 << 8;

struct JsonEvent {
  std::string ph;
  std::string name;
  std::string cat;
  uint64_t pid = 0;
  uint64_t tid = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  std::string id;
  std::string bp;
  simdjson::dom::element args;
};

struct JsonTree {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::vector<JsonEvent> events;

  JsonTree(TreeRecording& run, const spool::Reader& spool, bool python_only = false) {
    report::WriteRequest options;
    options.path = run.folder.file("r.json");
    options.settings.workers = 1;
    options.settings.python_only = python_only;
    REQUIRE(report::write_json(spool, options).has_value());
    REQUIRE(parser.load(options.path).get(root) == simdjson::SUCCESS);
    for (simdjson::dom::element from : root["traceEvents"].get_array()) {
      JsonEvent event;
      const auto text = [&](const char* key, std::string& to) {
        std::string_view value;
        if (from[key].get(value) == simdjson::SUCCESS) {
          to = std::string(value);
        }
      };
      text("ph", event.ph);
      text("name", event.name);
      text("cat", event.cat);
      text("id", event.id);
      text("bp", event.bp);
      event.pid = from["pid"].get_uint64().value();
      event.tid = from["tid"].get_uint64().value();
      double value = 0;
      if (from["ts"].get(value) == simdjson::SUCCESS) {
        event.start_ns = event.end_ns = llround(value * 1000);
      }
      if (from["dur"].get(value) == simdjson::SUCCESS) {
        event.end_ns = event.start_ns + llround(value * 1000);
      }
      if (simdjson::dom::element args; from["args"].get(args) == simdjson::SUCCESS) {
        event.args = args;
      }
      events.push_back(event);
    }
  }

  const JsonEvent& one(const std::string& ph, const std::string& name) const {
    const JsonEvent* found = nullptr;
    for (const JsonEvent& event : events) {
      if (event.ph == ph && event.name == name) {
        REQUIRE(found == nullptr);
        found = &event;
      }
    }
    CAPTURE(ph, name);
    REQUIRE(found != nullptr);
    return *found;
  }
  // By the arrow's other end.
  const JsonEvent& end_of(const JsonEvent& start) const {
    for (const JsonEvent& event : events) {
      if (event.ph == "f" && event.id == start.id) {
        return event;
      }
    }
    FAIL("an arrow that leads nowhere");
    return start;
  }
  // The beginning of the arrow at that instant.
  const JsonEvent& arrow_at(const JsonEvent& instant) const {
    for (const JsonEvent& event : events) {
      if (event.ph == "s" && event.pid == instant.pid && event.tid == instant.tid &&
          event.start_ns == instant.start_ns) {
        return event;
      }
    }
    FAIL("no arrow at " << instant.name);
    return instant;
  }
  std::string named(const char* what, uint64_t pid) const {
    for (const JsonEvent& event : events) {
      if (event.ph == "M" && event.name == what && event.pid == pid) {
        return std::string(event.args["name"].get_string().value());
      }
    }
    return "";
  }
  simdjson::dom::element ledger(size_t at) const {
    return root["viztracer_native"]["processes"].at(at);
  }
  std::string text(simdjson::dom::element from, const char* key) const {
    return std::string(from[key].get_string().value());
  }

  // On each line, what overlaps is nested, and nothing else has cat "process" inside or around it.
  void check_nesting() const {
    std::map<std::pair<uint64_t, uint64_t>, std::vector<JsonEvent>> lines;
    for (const JsonEvent& event : events) {
      if (event.ph == "X") {
        lines[{event.pid, event.tid}].push_back(event);
      }
    }
    for (auto& [line, found] : lines) {
      std::sort(found.begin(), found.end(), [](const JsonEvent& a, const JsonEvent& b) {
        return std::pair(a.start_ns, -a.end_ns) < std::pair(b.start_ns, -b.end_ns);
      });
      for (size_t i = 0; i < found.size(); ++i) {
        for (size_t k = i + 1; k < found.size() && found[k].start_ns < found[i].end_ns; ++k) {
          CAPTURE(found[i].name, found[k].name);
          CHECK(found[k].end_ns <= found[i].end_ns);
          CHECK(found[i].cat == "FEE");
          CHECK(found[k].cat == "FEE");
        }
      }
    }
  }
};

inline PerfettoModel perfetto(TreeRecording& run,
                              const spool::Reader& spool,
                              bool python_only = false) {
  report::WriteRequest options;
  options.path = run.folder.file("r.pftrace");
  options.settings.workers = 1;
  options.settings.python_only = python_only;
  REQUIRE(report::write_perfetto(spool, options).has_value());
  PerfettoModel model(read_file(options.path, uint64_t{1} << 32).value());
  for (const std::string& error : model.errors) {
    FAIL_CHECK(error);
  }
  return model;
}

}  // namespace vtn::test
