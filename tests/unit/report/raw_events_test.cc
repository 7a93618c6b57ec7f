// SPDX-License-Identifier: Apache-2.0
//
// Events that a program gave as they are, in a .json whose times count from elsewhere.
#include "report/json/raw_events.h"

#include <string>

#include "tests/support/catch.h"

namespace vtn::test {
namespace {

constexpr uint64_t kOffset = uint64_t{1} << 52;

std::string value_named(const std::string& name, const std::string& value) {
  const auto bytes = static_cast<uint16_t>(name.size());
  return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes)) + name + value;
}
template <class T>
std::string raw_of(T number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof(number));
}

std::string shown(const std::string& event,
                  uint64_t told_ns = 0,
                  uint64_t own_ns = 0,
                  uint64_t offset_ns = 0) {
  report::JsonTrack track;
  track.pid = 1;
  track.tid = 2;
  std::string bytes = value_named("",
                                  "s" + raw_of(static_cast<uint32_t>(event.size())) +
                                      raw_of(static_cast<uint16_t>(event.size())) + event);
  if (told_ns != 0) {
    bytes += value_named("now_ns", "i" + raw_of(static_cast<int64_t>(told_ns)));
  }
  const spool::Note note = {0, static_cast<uint32_t>(NoteKind::kInstant), 17, bytes, 0};
  return report::json_raw_event(note, track, own_ns, offset_ns).value_or("none");
}

}  // namespace

TEST_CASE("raw events: whose they are is told where they do not say", "[json]") {
  CHECK(shown("{ }") == "{\"pid\":1,\"tid\":2 }");
  CHECK(shown("{\"ph\":\"i\"}") == "{\"pid\":1,\"tid\":2,\"ph\":\"i\"}");
  CHECK(shown("{\"pid\":7,\"ph\":\"i\"}") == "{\"tid\":2,\"pid\":7,\"ph\":\"i\"}");
  CHECK(shown("{\"tid\":7,\"pid\":8}") == "{\"tid\":7,\"pid\":8}");
  CHECK(shown("{\"args\":{\"pid\":3,\"tid\":[4,{}]}}") ==
        "{\"pid\":1,\"tid\":2,\"args\":{\"pid\":3,\"tid\":[4,{}]}}");
  CHECK(shown("{\"ph\":") == "none");
}

TEST_CASE("raw events: times are moved as those of the others are, to the digit", "[json]") {
  const auto moved = [](const std::string& ts) {
    return shown("{\"pid\":1,\"tid\":2,\"ts\" : " + ts + " ,\"dur\":5}", 0, 0, kOffset);
  };
  const auto expected = [](const std::string& ts) {
    return "{\"pid\":1,\"tid\":2,\"ts\" : " + ts + " ,\"dur\":5}";
  };
  CHECK(moved("4503599627370.496") == expected("0.000"));
  CHECK(moved("4503599627371") == expected("0.504"));
  CHECK(moved("9007199254740.9925") == expected("4503599627370.4965"));
  CHECK(moved("4.5035996273705e12") == expected("0.004"));
  CHECK(moved("3") == expected("-4503599627367.496"));
  CHECK(moved("\"4503599627371\"") == expected("\"4503599627371\""));
  CHECK(moved("null") == expected("null"));
  CHECK(shown("{\"pid\":1,\"tid\":2,\"args\":{\"ts\":4503599627371}}", 0, 0, kOffset) ==
        "{\"pid\":1,\"tid\":2,\"args\":{\"ts\":4503599627371}}");
}

TEST_CASE("raw events: of a recording on another clock they go along", "[json]") {
  const std::string head = "{\"pid\":1,\"tid\":2,\"ts\":";
  // As the clock was when the event was given: but for the time between two reads.
  CHECK(shown(head + "100.5}", 200'000, 200'090) == head + "100.5}");
  CHECK(shown(head + "100.5}", 200'000, 7'200'000) == head + "7100.500}");
  CHECK(shown(head + "7100.5}", 7'200'000, 200'000) == head + "100.500}");
  CHECK(shown(head + "100.5}", 200'000, kOffset + 7'200'000, kOffset) == head + "7100.500}");
}

TEST_CASE("raw events: strings of any kind are passed over", "[json]") {
  CHECK(shown(R"({"a\"ts":"}{\\","x":["\"",{"ts":1}],"ts":4503599627370.496})", 0, 0, kOffset) ==
        R"({"pid":1,"tid":2,"a\"ts":"}{\\","x":["\"",{"ts":1}],"ts":0.000})");
}

}  // namespace vtn::test
