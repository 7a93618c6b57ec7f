// SPDX-License-Identifier: Apache-2.0
//
// The options that make reports of what was recorded before, and of which part of it.
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "launcher/option_rows.h"
#include "launcher/values.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

using Text = const std::string&;

// "1.5", "200ms"; or, of programs that know the recording's clock and not where its report begins,
// "@NS".
Result<Moment> read_moment(Text value) {
  if (value.starts_with('@')) {
    VTN_ASSIGN(const uint64_t ns, read_number(value.substr(1), 0, INT64_MAX));
    return Moment{ns, true};
  }
  VTN_ASSIGN(const uint64_t ns, read_duration_ns(value, kSecondNs));
  return Moment{ns, false};
}

Status add_selected(std::vector<std::string>& selected, Text value) {
  if (value.empty()) {
    return fail("needs a pattern that is not empty");
  }
  selected.push_back(value);
  return {};
}

Status take_source(Request& request, Work work, const char* option, Text path) {
  if (path.empty()) {
    return fail("needs the name of a file");
  }
  if (path.starts_with("--") && access(std::string(path).c_str(), F_OK) != 0) {
    return fail(fmt::format("needs the name of a file behind it, not the option {}", path));
  }
  Source& source = request.source;
  const bool list = work == Work::kCombine || work == Work::kAlign;
  if (source.work != Work::kRun && (source.work != work || !list)) {
    source.contradicts = true;
  }
  source.work = work;
  source.option = option;
  source.paths.push_back(path);
  return {};
}

constexpr OptionRow kRows[] = {
    {"convert",
     0,
     "FILE",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return take_source(request, Work::kConvert, "convert", value);
     },
     "write a report (-o) of a saved recording, or of a report that is imported first"},
    {"from",
     0,
     "TIME",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.source.window.from, read_moment(value));
       return {};
     },
     "with --convert: what is not before that time of the report (1.5: seconds; 200ms; @NS: "
     "nanoseconds of CLOCK_MONOTONIC)"},
    {"to",
     0,
     "TIME",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.source.window.to, read_moment(value));
       return {};
     },
     "with --convert: what is before that time"},
    {"process",
     0,
     "PID|NAME",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return add_selected(request.source.window.processes, value);
     },
     "with --convert: that process alone, by its id or a pattern of its name. May be repeated"},
    {"thread",
     0,
     "TID|NAME",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return add_selected(request.source.window.threads, value);
     },
     "with --convert: that thread alone, likewise"},
    {"function",
     0,
     "PATTERN",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return add_selected(request.source.window.functions, value);
     },
     "with --convert: calls of functions whose name, or file where there is a slash, matches, and "
     "all below them. May be repeated"},
    {"recover",
     0,
     "DIR",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return take_source(request, Work::kRecover, "recover", value);
     },
     "write a report (-o) of what a killed run left"},
    {"combine",
     0,
     "FILE...",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return take_source(request, Work::kCombine, "combine", value);
     },
     "make one report (-o) of several recordings, each where the clock on the wall has it",
     nullptr,
     nullptr,
     false,
     true},
    {"align_combine",
     0,
     "FILE...",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return take_source(request, Work::kAlign, "align_combine", value);
     },
     "likewise, but all begin at the same time",
     nullptr,
     nullptr,
     false,
     true},
    {"compress",
     0,
     "FILE",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return take_source(request, Work::kCompress, "compress", value);
     },
     "write a recording (-o FILE.vtn, default: result.vtn) as small as it gets"},
    {"decompress",
     0,
     "FILE.vtn",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       return take_source(request, Work::kDecompress, "decompress", value);
     },
     "write what was compressed as a report (-o, default: result.json)"},
};

}  // namespace

std::span<const OptionRow> source_option_rows() { return kRows; }

}  // namespace vtn::launcher
