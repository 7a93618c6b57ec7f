// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "importer/inflate.h"
#include "tests/support/page_bytes.h"
#include "tests/unit/importer/importing.h"

namespace vtn::test {

TEST_CASE("page: calls, folds, values, marks, processes", "[importer]") {
  auto imported = import_bytes(small_page());
  INFO((imported ? "" : imported.error().message));
  REQUIRE(imported.has_value());
  CHECK(imported->what == "viztracer-native 0.9");
  CHECK(imported->remarks == std::vector<std::string>{"a line"});
  const spool::Model& model = imported->recording->model();
  // A fold is a call for as long as its calls took together.
  CHECK(told(*imported->recording, 0) ==
        "[1] [line 12] +f@1000 ['r'] -@1100 +len@1150 ^@1160 "
        "[5 1 40] +(folded calls)@1165 -@1195 +f~@1212 {m@1300 1 k v} {c@1400}");
  const spool::ImageInfo& image = model.images.at(0);
  uint64_t folded = 0;
  for (const auto& [id, left] : image.left_out) {
    folded += left.calls;
    CHECK(left.calls == (image.function(id)->name == "f" ? 3 : 2));
  }
  CHECK(folded == 5);
  CHECK(image.argv == std::vector<std::string>{"py", "x.py"});
  CHECK(image.cwd == "/d");
  CHECK(image.python_version >> 8 == 0x030c01);
  CHECK(model.process_ends.at(0).wait_status == SIGKILL);
  REQUIRE(model.starts.size() == 1);
  CHECK(model.starts[0].reason == UntracedReason::kStatic);
  CHECK(model.starts[0].argv == std::vector<std::string>{"ls", "-l"});
  CHECK(model.starts[0].parent_tid == 9);
  CHECK(model.process_ends.at(1).wait_status == 2 << 8);
  CHECK(model.run_end.wait_status == 3 << 8);
  CHECK(model.clock.at(0).realtime_ns - model.clock.at(0).monotonic_ns == 5000);
  CHECK(imported->recording->read_source(model.sources.at("x.py")).value() == "def f(n):\n");
}

TEST_CASE("page: one that was cut or damaged is refused, or taken as far as it goes",
          "[importer]") {
  const std::string cut = small_page(false);
  CHECK(import_error(cut).starts_with("trace is cut short at offset " +
                                      std::to_string(cut.size() - 1)));
  auto partial = import_bytes(cut, true);
  REQUIRE(partial.has_value());
  CHECK(partial->remarks.back() == "a line");
  CHECK(partial->remarks.front() == "1 end of the file is missing");

  std::string damaged = small_page();
  const size_t at = damaged.find("vtn-calls-0\">") + 40;
  damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
  CHECK(import_error(damaged).starts_with("trace is damaged at offset "));
  partial = import_bytes(damaged, true);
  REQUIRE(partial.has_value());
  CHECK(partial->remarks.front() == "1 elements vtn-calls are damaged and are left out");
  CHECK(import_error("<html></html>") ==
        "trace is no report of viztracer-native: it has no vtn-meta");
}

TEST_CASE("page: base64", "[importer]") {
  for (const std::string& text : {std::string(),
                                  std::string("a"),
                                  std::string("ab"),
                                  std::string("abc"),
                                  std::string("\xff\xfe\x00x", 4)}) {
    std::string bytes;
    CHECK(importer::decode_base64(base64(text), bytes));
    CHECK(bytes == text);
  }
  std::string bytes;
  CHECK(!importer::decode_base64("ab-d", bytes));
  CHECK(!importer::decode_base64("abcde", bytes));
}

}  // namespace vtn::test
