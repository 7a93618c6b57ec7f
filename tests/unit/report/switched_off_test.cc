// SPDX-License-Identifier: Apache-2.0
//
// Functions that were switched off (--budget): what every report says of them.
#include "report/json/writer.h"
#include "report/left_out.h"
#include "tests/support/recording.h"

namespace vtn::test {

TEST_CASE("switched off: of each process, in time, the earliest that was told", "[switched_off]") {
  Recording run(tracer::kSmallestArenaBytes, ClockKind::kMonotonic);
  FakeProcess parent(run, 7, 1000);
  parent.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  FakeProcess child(run, 8, 2000);
  child.describe("/usr/bin/python3", "/tmp", {"python3", "y.py"});
  const uint32_t late = parent.python("late");
  const uint32_t early = parent.python("early", "/x.py", 7);
  const uint32_t of_child = child.python("of_child");
  const auto tell = [](FakeProcess& process, uint64_t ticks, uint32_t id) {
    const SwitchedOffRecord record = {ticks, id, 0};
    process.record(NameRecord::kSwitchedOff, &record, sizeof(record), "");
  };
  tell(parent, 9000, late);
  tell(parent, 8000, late);
  tell(parent, 8500, late);
  tell(parent, 5000, early);
  tell(child, 3000, of_child);
  tell(child, 4000, of_child + 900);  // nobody named it
  run.drain->pass();
  const auto spool = run.read();
  const spool::Model& model = spool->model();
  const report::ProcessTree tree = report::build_process_tree(model);
  const spool::ClockMap clock(ClockKind::kMonotonic, model.clock);
  const auto off = report::switched_off_of(model, tree, clock);
  REQUIRE(off.size() == 4);
  CHECK(off[0].function->name == "early");
  CHECK(off[0].process->pid == 7);
  CHECK(off[1].function->name == "late");
  CHECK(off[1].from_ns == 8000);
  CHECK(off[2].function->name == "of_child");
  CHECK(off[2].process->pid == 8);
  CHECK(off[3].function == nullptr);
  CHECK(report::switched_off_text(off[0]).find("early (/x.py:7) of 7 x.py from ") == 0);
  const std::string json = report::left_out_json(model, tree, clock);
  CHECK(json.find("{\"name\":\"late\",\"file\":\"/x.py\",\"line\":1,\"pid\":7,\"from_ns\":8000}") !=
        json.npos);
  CHECK(json.find("{\"name\":null,\"file\":null,\"line\":0,\"pid\":8,\"from_ns\":4000}") !=
        json.npos);
}

}  // namespace vtn::test
