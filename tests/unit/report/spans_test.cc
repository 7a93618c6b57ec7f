// SPDX-License-Identifier: Apache-2.0
//
// Spans that are no part of a stack, as rows of a page.
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include <simdjson.h>

#include "base/file.h"
#include "importer/inflate.h"
#include "importer/page/call_block.h"
#include "report/html/writer.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

std::string number_named(const std::string& name, int64_t number) {
  const auto bytes = static_cast<uint16_t>(name.size());
  return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes)) + name + "i" +
         std::string(reinterpret_cast<const char*>(&number), sizeof(number));
}

void begin(FakeThread& thread, uint64_t ticks, uint32_t name, int64_t number = 7) {
  thread.mark(ticks, NoteKind::kSpanBegin, name, number_named("number", number));
}
void end(FakeThread& thread, uint64_t begin_ticks, uint64_t ticks, uint32_t name) {
  thread.mark(
      begin_ticks,
      NoteKind::kSpan,
      name,
      number_named("ticks", static_cast<int64_t>(ticks - begin_ticks)) + number_named("number", 7));
}

// Lane, begin, end, flags.
using Row = std::tuple<uint32_t, uint64_t, uint64_t, uint32_t>;

struct SpansOfPage {
  std::vector<std::vector<Row>> tracks;  // each by thread, sorted
  std::vector<int64_t> threads;          // whose these are
  uint64_t values = 0;                   // rows that have some
  int64_t counted = 0;                   // by the table of functions
  int64_t total_ns = 0;
};

std::vector<std::string> elements(const std::string& page, const std::string& kind) {
  std::vector<std::string> found;
  const std::string id = "id=\"vtn-" + kind;
  for (size_t at = page.find(id); at != std::string::npos; at = page.find(id, at + 1)) {
    const size_t from = page.find('>', at) + 1;
    std::string packed;
    std::string content;
    REQUIRE(importer::decode_base64(page.substr(from, page.find('<', from) - from), packed));
    REQUIRE(importer::inflate_piece(packed, size_t{1} << 30, content));
    found.push_back(content);
  }
  return found;
}

SpansOfPage spans_of(const Recording& run, const spool::Reader& spool) {
  report::WriteRequest request;
  request.path = run.folder.file("r.html");
  request.settings.workers = 3;
  REQUIRE(report::write_html(spool, request).has_value());
  const std::string page = read_file(request.path).value();
  SpansOfPage found;
  simdjson::dom::parser parser;
  const std::string text = elements(page, "tables").at(0);
  simdjson::dom::element tables = parser.parse(text);
  std::vector<int64_t> track_of;  // by the page's thread; -1: none
  for (simdjson::dom::element thread : tables["threads"].get_array()) {
    int64_t of = 0;
    const bool is_track = thread["spans_of"].get(of) == simdjson::SUCCESS;
    track_of.push_back(is_track ? static_cast<int64_t>(found.threads.size()) : -1);
    if (is_track) {
      found.threads.push_back(of);
    }
  }
  found.tracks.resize(found.threads.size());
  uint32_t functions = 0;
  simdjson::dom::array kinds = tables["functions"]["kind"].get_array();
  for (int64_t kind : kinds) {
    if (kind == 3) {
      found.counted += int64_t(tables["functions"]["calls"].at(functions));
      found.total_ns += int64_t(tables["functions"]["total_ns"].at(functions));
      CHECK(int64_t(tables["functions"]["own_ns"].at(functions)) == 0);
    }
    ++functions;
  }
  for (const std::string& blocks : elements(page, "calls")) {
    std::string_view left = blocks;
    while (!left.empty()) {
      importer::PageBlock block;
      REQUIRE(block.take(left, functions, {}).has_value());
      size_t row = 0;
      for (const importer::PageColumn& column : block.columns) {
        for (uint32_t i = 0; i < column.rows; ++i, ++row) {
          const importer::PageRow& one = block.rows[row];
          const int64_t track = track_of.at(block.thread);
          if (track >= 0) {
            found.tracks[static_cast<size_t>(track)].emplace_back(
                column.depth, one.start_ns, one.end_ns, one.flags);
            CHECK(int64_t(kinds.at(one.code)) == 3);
          }
        }
      }
    }
  }
  for (std::vector<Row>& rows : found.tracks) {
    std::sort(rows.begin(), rows.end());
  }
  for (const std::string& block : elements(page, "values")) {
    simdjson::dom::parser of_values;
    simdjson::dom::element values = of_values.parse(block);
    if (track_of.at(uint64_t(values["thread"])) >= 0) {
      found.values += values["calls"].get_array().size();
    }
  }
  return found;
}

constexpr uint64_t kReportStart = 1000;
constexpr uint64_t kStart = 2000;  // of f

// Times since the report's start.
Row row(uint32_t lane, uint64_t begin, uint64_t end, uint32_t flags = 0) {
  return {lane, begin - kReportStart, end - kReportStart, flags};
}

}  // namespace

TEST_CASE("spans: those that overlap lie on lanes, each on the lowest that is free", "[html]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  const uint32_t a = process.function(FunctionKind::kSpan, "a");
  const uint32_t b = process.function(FunctionKind::kSpan, "b");
  FakeThread thread = process.thread(100);
  thread.enter(kStart, f);
  begin(thread, 3000, a);
  begin(thread, 3100, b);
  begin(thread, 3200, b);
  end(thread, 3100, 4000, b);
  begin(thread, 4100, b);
  end(thread, 3000, 5000, a);
  end(thread, 4100, 5100, b);
  begin(thread, 5200, a);
  end(thread, 5200, 5300, a);
  end(thread, 3200, 6000, b);
  thread.leave(7000, f);
  thread.finish();
  const SpansOfPage spans = spans_of(run, *run.read());
  CHECK(spans.threads == std::vector<int64_t>{0});
  REQUIRE(spans.tracks.size() == 1);
  CHECK(spans.tracks[0] == std::vector<Row>{row(0, 3000, 5000),
                                            row(0, 5200, 5300),
                                            row(1, 3100, 4000),
                                            row(1, 4100, 5100),
                                            row(2, 3200, 6000)});
  CHECK(spans.values == 5);
  CHECK(spans.counted == 5);
  CHECK(spans.total_ns == 2000 + 100 + 900 + 1000 + 2800);
}

TEST_CASE("spans: one that never ended reaches to its thread's end, and says so", "[html]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  const uint32_t a = process.function(FunctionKind::kSpan, "a");
  FakeThread thread = process.thread(100);
  thread.enter(kStart, f);
  begin(thread, 3000, a);
  begin(thread, 3100, a);
  end(thread, 3100, 4000, a);
  thread.leave(7000, f);
  thread.finish();
  const SpansOfPage spans = spans_of(run, *run.read());
  REQUIRE(spans.tracks.size() == 1);
  REQUIRE(spans.tracks[0].size() == 2);
  CHECK(std::get<1>(spans.tracks[0][0]) == 3000 - kReportStart);
  CHECK(std::get<2>(spans.tracks[0][0]) >= 7000 - kReportStart);
  CHECK(std::get<3>(spans.tracks[0][0]) == importer::kRowOpen);
  CHECK(spans.tracks[0][1] == row(1, 3100, 4000));
  CHECK(spans.values == 2);
}

TEST_CASE("spans: another thread may end one, and an end alone is enough", "[html]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  const uint32_t a = process.function(FunctionKind::kSpan, "a");
  FakeThread one = process.thread(100);
  one.enter(kStart, f);
  begin(one, 3000, a);
  one.leave(3500, f);
  one.finish();
  FakeThread other = process.thread(101);
  other.enter(3600, f);
  begin(other, 3700, a);
  end(other, 3000, 5000, a);  // of the other thread
  end(other, 3700, 5100, a);
  end(other, 3650, 5200, a);  // its beginning is not in the record, as that of the next
  end(other, 5200, 5300, a);
  end(other, 3660, 5250, a);
  other.leave(7000, f);
  other.finish();
  const SpansOfPage spans = spans_of(run, *run.read());
  REQUIRE(spans.tracks.size() == 2);
  const size_t first = spans.threads[0] == 0 ? 0 : 1;
  CHECK(spans.tracks[first] == std::vector<Row>{row(0, 3000, 5000)});
  CHECK(spans.tracks[1 - first] ==
        std::vector<Row>{
            row(0, 3700, 5100), row(1, 3650, 5200), row(1, 5200, 5300), row(2, 3660, 5250)});
  CHECK(spans.counted == 5);
}

TEST_CASE("spans: no more lanes are used than spans overlap", "[html]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  const uint32_t a = process.function(FunctionKind::kSpan, "a");
  FakeThread thread = process.thread(100);
  thread.enter(kStart, f);
  constexpr uint64_t kSpans = 1000;
  constexpr uint64_t kStep = 10;
  constexpr uint64_t kOpen = 20;
  for (uint64_t i = 0; i < kSpans + kOpen; ++i) {
    if (i >= kOpen) {
      const uint64_t of = kStart + kStep * (i - kOpen + 1);
      end(thread, of, of + kStep * kOpen - 5, a);
    }
    if (i < kSpans) {
      begin(thread, kStart + kStep * (i + 1), a, static_cast<int64_t>(i));
    }
  }
  thread.leave(kStart + kStep * (kSpans + 2 * kOpen), f);
  thread.finish();
  const SpansOfPage spans = spans_of(run, *run.read());
  REQUIRE(spans.tracks.size() == 1);
  CHECK(spans.tracks[0].size() == kSpans);
  CHECK(std::get<0>(spans.tracks[0].back()) == kOpen - 1);
  CHECK(spans.values == kSpans);
}

}  // namespace vtn::test
