// SPDX-License-Identifier: Apache-2.0
#include "tests/support/page_bytes.h"
#include "tests/unit/importer/importing.h"

namespace vtn::test {

TEST_CASE("perfetto: slices of other tools' traces", "[importer]") {
  for (const std::string& trace : {small_trace(), small_trace(true), packed(small_trace())}) {
    auto imported = import_bytes(trace);
    INFO((imported ? "" : imported.error().message));
    REQUIRE(imported.has_value());
    const spool::Model& model = imported->recording->model();
    REQUIRE(model.threads.size() == 1);
    CHECK(told(*imported->recording, 0) ==
          "[v] +f@1010 +g@1015 -@1020 {mark@1021 } {load@1023} -@1030");
    CHECK(model.images.at(0).pid == 3);
    CHECK(model.threads[0].tid == 4);
    CHECK(model.images[0].thread_names.at(0).back() == "T");
    CHECK(model.clock.at(0).realtime_ns - model.clock.at(0).monotonic_ns == 500000);
    CHECK(imported->remarks ==
          std::vector<std::string>{
              "1 ends of flow arrows are left out: a recording has those of processes only"});
  }
}

TEST_CASE("perfetto: a trace that was cut says where", "[importer]") {
  const std::string trace = small_trace();
  const std::string cut = trace.substr(0, trace.size() - 3);
  const std::string error = import_error(cut);
  CHECK(error.starts_with("trace is cut short at offset "));
  CHECK(error.ends_with("--recover trace -o OUT makes a report of what is in front of it"));
  auto partial = import_bytes(cut, true);
  REQUIRE(partial.has_value());
  CHECK(partial->recording->model().threads.at(0).calls == 2);
}

}  // namespace vtn::test
