// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "report/left_out.h"
#include "report/process_names.h"
#include "report/summary/text.h"

namespace vtn::report {

std::string left_out_text(const spool::Model& model,
                          const ProcessTree& tree,
                          const spool::ClockMap& clock) {
  const LeftOut left_out = left_out_of(model, clock);
  std::string text;
  if (const std::string with = recorded_with(model); !with.empty()) {
    text += "recorded with " + with + "\n\n";
  }
  if (!left_out.limited.empty()) {
    text += fmt::format(
        "== left out: {} calls; their time is in the own time of the call above them\n"
        "{:>8} {:>13}  function\n",
        grouped(left_out.calls),
        "total",
        "calls");
    for (const LeftOutFunction& one : left_out.limited) {
      text += fmt::format("{:>8} {:>13}  {}{}\n",
                          duration_text(one.total_ns),
                          grouped(one.calls),
                          function_text(one.function, ""),
                          one.counted_from_ns == 0
                              ? ""
                              : fmt::format(": counted, single calls not recorded {}",
                                            left_out.since_text(one.counted_from_ns)));
    }
    text += "\n";
  }
  if (!left_out.marks.empty()) {
    text += fmt::format("== left out: {} marks\n", grouped(left_out.all_marks));
    for (const LeftOutFunction& one : left_out.marks) {
      text += fmt::format("{:>22}  {}: counted {}\n",
                          grouped(one.calls),
                          one_line(one.function->name, 200),
                          left_out.since_text(one.counted_from_ns));
    }
    text += "\n";
  }
  if (!left_out.hidden.empty()) {
    text += fmt::format(
        "== not recorded: {} functions; their time is in the own time of their callers\n",
        grouped(left_out.hidden.size()));
    for (const spool::FunctionInfo* function : left_out.hidden) {
      text += "  " + function_text(function, "") + "\n";
    }
    text += "\n";
  }
  const std::vector<DroppedCalls> dropped = dropped_calls_of(model, tree, clock);
  if (!dropped.empty()) {
    text += "== dropped for newer calls\n";
    for (const DroppedCalls& one : dropped) {
      text += "  " + dropped_text(one) + "\n";
    }
    text += "\n";
  }
  const std::vector<SwitchedOffFunction> off = switched_off_of(model, tree, clock);
  if (!off.empty()) {
    text += "== switched off: called too often, not recorded and not counted\n";
    for (const SwitchedOffFunction& one : off) {
      text += "  " + switched_off_text(one) + "\n";
    }
    text += "\n";
  }
  return text;
}

}  // namespace vtn::report
