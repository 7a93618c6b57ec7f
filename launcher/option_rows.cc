// SPDX-License-Identifier: Apache-2.0
#include "launcher/option_rows.h"

#include <utility>
#include <vector>

#include "launcher/filters.h"
#include "launcher/values.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr uint64_t kMicrosecondNs = 1'000;
constexpr uint64_t kMostSummaryLines = 1'000'000;
constexpr uint64_t kLeastSpoolBytes = 100'000;
constexpr uint64_t kLeastReportRows = 1000;
constexpr uint64_t kMostEntries = 1'000'000'000'000;

using Text = const std::string&;

constexpr char kAllFunctions[] = "*";

Status add_patterns(Request& request, uint32_t key, Result<std::vector<std::string>> patterns) {
  if (!patterns) {
    return tl::unexpected<Error>(std::move(patterns).error());
  }
  for (std::string& pattern : *patterns) {
    request.record.functions.patterns.emplace_back(key, std::move(pattern));
  }
  return {};
}

// What comes before the options of logs, in the order of the help.
constexpr OptionRow kRowsBeforeLogs[] = {
    {"output_file",
     'o',
     "FILE",
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.names.files.push_back(value);
       return {};
     },
     "where the report goes; its extension says what it is (below). May be repeated: one run, "
     "several formats. Default: result.json"},
    {"report",
     0,
     "FILE",
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.names.more.push_back(value);
       return {};
     },
     "a further report, beside those of -o or the default one: --report times.txt"},
    {"unique_output_file",
     'u',
     nullptr,
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.names.unique = value == "true";
       return {};
     },
     "name the report after program, time and process"},
    {"output_dir",
     0,
     "DIR",
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.names.folder = value;
       return {};
     },
     "the folder of the report; made if it is missing"},
    {"pid_suffix",
     0,
     nullptr,
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.names.pid_suffix = value == "true";
       return {};
     },
     "put this command's process id into the name of the report: result_4711.json"},
    {"summary",
     0,
     "N",
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(const uint64_t lines, read_number(value, 0, kMostSummaryLines));
       request.report.summary_lines = static_cast<unsigned>(lines);
       return {};
     },
     "how many functions, those with the most time of their own, are listed at the end: 0 is none. "
     "Default: 10",
     nullptr,
     "0"},
    {"report_limit",
     0,
     "N",
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.report.most_rows, read_number(value, kLeastReportRows, kMostEntries));
       return {};
     },
     "fold calls that are too short for a report of about N rows; each is still counted. Default: "
     "20,000,000 in .html, 5,000,000 in .json and .pftrace"},
    {"full",
     0,
     nullptr,
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.report.full = value == "true";
       return {};
     },
     "fold nothing, however large the report gets"},
    {"no_source",
     0,
     nullptr,
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.report.with_source = value != "true";
       return {};
     },
     "leave the text of source files out of .html"},
    {"processes",
     0,
     "all|python",
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       if (value != "all" && value != "python") {
         return fail("must be all or python");
       }
       request.report.python_only = value == "python";
       return {};
     },
     "what the report shows of the process tree: every program of it (all, the default), or those "
     "that run Python"},
    {"keep_raw",
     0,
     nullptr,
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.report.keep_raw = value == "true";
       return {};
     },
     "keep what was recorded beside the report"},
    {"open",
     0,
     nullptr,
     Scope::kReport,
     [](Request& request, Text value) -> Status {
       request.open = value == "true";
       return {};
     },
     "show the report in a browser when the program has ended, as the command view does; Ctrl-C "
     "ends it"},
    {"ignore_c_function",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.c_functions = value != "true";
       return {};
     },
     "record Python functions only: cheaper"},
    {"only",
     0,
     "PATTERN",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_patterns(request, VTN_SETTING_ONLY, function_patterns(value));
     },
     "record only functions whose module, qualified name or file matches: 'app.*', "
     "'Model.save', src/. May be repeated"},
    {"hide",
     0,
     "PATTERN",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_patterns(request, VTN_SETTING_HIDE, function_patterns(value));
     },
     "do not record functions that match; what they call is recorded. May be repeated"},
    {"exclude_subtree",
     0,
     "PATTERN",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_patterns(request, VTN_SETTING_EXCLUDE_SUBTREE, function_patterns(value));
     },
     "leave out calls of functions that match, and all below them: makes the recording small, not "
     "the run cheap. May be repeated"},
    {"max_stack_depth",
     0,
     "N",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(const uint64_t depth, read_number(value, 1, UINT32_MAX));
       request.record.calls.max_stack_depth = static_cast<uint32_t>(depth);
       return {};
     },
     "keep the N outermost calls of each thread, of those that are recorded"},
    {"min_duration",
     0,
     "TIME",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.record.calls.min_duration_ns, read_duration_ns(value, kMicrosecondNs));
       return {};
     },
     "keep calls that take at least that long (0.3ms, 13us, 5: microseconds); the others are "
     "counted"},
    {"tracer_entries",
     0,
     "N",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.record.calls.newest_calls, read_number(value, 1, kMostEntries));
       return {};
     },
     "keep the newest calls of each process, at least N; older ones are dropped, and counted. "
     "Default: all are kept"},
    {"max_size",
     0,
     "SIZE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(request.record.calls.most_spool_bytes, read_size_bytes(value));
       return request.record.calls.most_spool_bytes >= kLeastSpoolBytes
                  ? Status()
                  : fail("must be at least 100kB");
     },
     "how large the recording may get (2GB, 500MB, 100k): as it comes near, functions with many "
     "calls are counted from then on, at last all of them"},
    {"budget",
     0,
     "N",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.launch.needs_monitoring = "--budget";
       VTN_ASSIGN(request.record.calls.most_calls, read_number(value, 1, kMostEntries));
       return {};
     },
     "switch functions off that are called more than N times in a second: from then on they are "
     "not recorded and cost nothing (Python 3.12 or later)"},
    {"include_files",
     0,
     "FILE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_patterns(request, VTN_SETTING_INCLUDE_FILE, path_patterns(value));
     },
     "record only functions of these files and folders. May be repeated, or several be named "
     "where a -- follows",
     nullptr,
     nullptr,
     true},
    {"exclude_files",
     0,
     "FILE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_patterns(request, VTN_SETTING_EXCLUDE_FILE, path_patterns(value));
     },
     "do not record functions of these files and folders, likewise",
     nullptr,
     nullptr,
     true},
    {"mine",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.functions.mine = value == "true";
       return {};
     },
     "record the program's own functions: none of the standard library or of installed packages"},
    {"no_stdlib",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.functions.no_standard_library = value == "true";
       return {};
     },
     "do not record functions of the standard library"},
    {"no_import",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.functions.no_import = value == "true";
       return {};
     },
     "do not record the import system, nor the bodies of modules"},
    {"ignore_frozen",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.functions.ignore_frozen = value == "true";
       return {};
     },
     "do not record functions of frozen modules"},
    {"log_func_args",
     0,
     "PATTERN",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value == kAllFunctions) {
         request.record.values.arguments = true;
         return {};
       }
       return add_patterns(request, VTN_SETTING_ARGUMENTS_OF, function_patterns(value));
     },
     "with each Python call the values of its arguments; of functions that match, where patterns "
     "are given: --log_func_args='app.*'",
     kAllFunctions},
    {"log_func_retval",
     0,
     "PATTERN",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value == kAllFunctions) {
         request.record.values.return_values = true;
         return {};
       }
       return add_patterns(request, VTN_SETTING_VALUES_OF, function_patterns(value));
     },
     "with each Python call what it returned or yielded, likewise",
     kAllFunctions},
    {"repr",
     0,
     "safe|all|off",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value != "safe" && value != "all" && value != "off") {
         return fail("must be safe, all or off");
       }
       request.record.values.own_repr = value == "all";
       request.record.values.types_only = value == "off";
       return {};
     },
     "how values are told of: without running code of the program (safe, the default), by the repr "
     "of their own classes (all), or by their types alone (off)"},
    {"log_func_with_objprint",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.values.object_fields = value == "true";
       return {};
     },
     "tell of objects, among values, what is in their __dict__"},
    {"max_repr",
     0,
     "BYTES",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(const uint64_t bytes, read_number(value, 16, 2000));
       request.record.values.most_bytes = static_cast<uint32_t>(bytes);
       return {};
     },
     "how much is kept of one value. Default: 256"},
    {"redact",
     0,
     "GLOB",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value.empty()) {
         return fail("needs a pattern that is not empty");
       }
       request.record.values.secrets.push_back(value);
       return {};
     },
     "do not tell values whose whole name matches, either: 'ssn', '*card*'. May be repeated"},
    {"no_redact",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.values.redact = value != "true";
       return {};
     },
     "tell values whose names say that they are secret (password, token, ...), too"},
    {"no_library_spans",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.library_spans = value != "true";
       return {};
     },
     "leave out the spans that the program makes by OpenTelemetry, and the ranges of NVTX"},
    {"no_rows",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.rows = value != "true";
       return {};
     },
     "leave out the rows of tests, of pytest and of unittest"},
    {"no_alias",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.alias = value != "true";
       return {};
     },
     "`import viztracer` is the program's own affair; else it is this package, as is `import "
     "viztracer_native`"},
    {"log_lines",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.caller_lines = value == "true";
       return {};
     },
     "with each Python call, the line that it is made from"},
};

// What comes behind them.
constexpr OptionRow kRowsBehindLogs[] = {
    {"log_exit",
     0,
     nullptr,
     Scope::kCommand,
     [](Request&, Text) -> Status { return {}; },
     "as VizTracer has it: what runs at the program's exit is recorded always"},
    {"trace_self",
     0,
     nullptr,
     Scope::kCommand,
     [](Request&, Text) -> Status { return {}; },
     "as VizTracer has it: there is no Python code of the recorder's"},
    {"exclude_process",
     0,
     "GLOB",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value.empty()) {
         return fail("needs a pattern that is not empty");
       }
       request.record.excluded_processes.push_back(value);
       return {};
     },
     "leave a process untraced whose executable's name, script's name or whole command line "
     "matches. May be repeated"},
    {"ignore_multiprocess",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.children = value != "true";
       return {};
     },
     "record the program alone: its children run untraced"},
    {"wait_children",
     0,
     "SECONDS",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value == "forever") {
         request.record.wait_children_ms = session::kWaitForever;
         return {};
       }
       VTN_ASSIGN(const uint64_t ns, read_duration_ns(value, kSecondNs));
       request.record.wait_children_ms = static_cast<int>(ns / kMillisecondNs);
       return {};
     },
     "when the program has ended, go on recording until the processes it left have ended too, or "
     "that long; Ctrl-C ends the wait",
     "forever"},
    {"python",
     0,
     "PATH",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       request.launch.python = value;
       return {};
     },
     "the interpreter; default: $VIRTUAL_ENV, else that of the environment that the command is "
     "installed in, else python3 on PATH"},
    {"host",
     0,
     "auto|embed|exec",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       if (value != "auto" && value != "embed" && value != "exec") {
         return fail("must be auto, embed or exec");
       }
       request.launch.host = value == "auto"    ? HostChoice::kAuto
                             : value == "embed" ? HostChoice::kEmbed
                                                : HostChoice::kExec;
       return {};
     },
     "run the interpreter itself (exec), its library in a host of ours (embed), or the first where "
     "there is an interpreter (auto)"},
    {"keep_pid",
     0,
     nullptr,
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       request.launch.keep_pid = value == "true";
       return {};
     },
     "give the program the process id of this command, for service managers and pid files; the "
     "report is then written by a process in the background, a moment after the program's end"},
    {"quiet",
     0,
     nullptr,
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       if (value == "true") {
         request.report.verbosity = 0;
       }
       return {};
     },
     "say nothing but errors"},
    {"verbose",
     0,
     "N",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       VTN_ASSIGN(const uint64_t level, read_number(value, 0, 9));
       request.report.verbosity = static_cast<int>(level);
       return {};
     },
     "0 is quiet, 1 the default, 2 tells more"},
};

constexpr OptionRow kLastRows[] = {
    {"rcfile",
     0,
     "FILE",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       if (value.empty()) {
         return fail("needs the name of a file");
       }
       request.rcfile = value;
       return {};
     },
     "read options from that ini file, instead of the .viztracerrc of this folder; the command "
     "line "
     "wins"},
    {"version",
     0,
     nullptr,
     Scope::kCommand,
     [](Request& request, Text) -> Status {
       request.version = true;
       return {};
     },
     "print the version and exit"},
    {"help",
     'h',
     nullptr,
     Scope::kCommand,
     [](Request& request, Text) -> Status {
       request.help = true;
       return {};
     },
     "print this and exit"},
};

}  // namespace

std::span<const OptionRow> option_rows() {
  static const std::vector<OptionRow> all = [] {
    std::vector<OptionRow> rows;
    for (const std::span<const OptionRow> some : {std::span<const OptionRow>(kRowsBeforeLogs),
                                                  log_option_rows(),
                                                  std::span<const OptionRow>(kRowsBehindLogs),
                                                  attach_option_rows(),
                                                  source_option_rows(),
                                                  std::span<const OptionRow>(kLastRows)}) {
      rows.insert(rows.end(), some.begin(), some.end());
    }
    return rows;
  }();
  return all;
}

}  // namespace vtn::launcher
