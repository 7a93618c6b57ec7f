// SPDX-License-Identifier: Apache-2.0
//
// The options that record what runs already (attach.h).
#include <utility>

#include <limits.h>

#include "launcher/option_rows.h"
#include "launcher/values.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

using Text = const std::string&;

Status attach_to(Request& request, Text value) {
  VTN_ASSIGN(request.attach.pid, read_number(value, 1, INT_MAX));
  return {};
}

constexpr OptionRow kRows[] = {
    {"attach",
     0,
     "PID",
     Scope::kCommand,
     attach_to,
     "record a process that runs already, until Ctrl-C, its end, or for -t SECONDS"},
    {"attach_time",
     't',
     "SECONDS",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.attach.for_ns, read_duration_ns(value, kSecondNs));
       return {};
     },
     "with --attach: for how long"},
    {"tree",
     0,
     nullptr,
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       request.attach.tree = value == "true";
       return {};
     },
     "with --attach: every Python process below it as well"},
    {"attach_installed",
     0,
     "PID",
     Scope::kCommand,
     attach_to,
     "as --attach: nothing has to be installed in the process beforehand"},
    {"uninstall",
     0,
     "PID",
     Scope::kCommand,
     [](Request& request, Text) -> Status {
       request.attach.nothing = true;
       return {};
     },
     "as VizTracer has it: nothing that runs stays in a process, so there is nothing to be done"},
};

}  // namespace

std::span<const OptionRow> attach_option_rows() { return kRows; }

}  // namespace vtn::launcher
