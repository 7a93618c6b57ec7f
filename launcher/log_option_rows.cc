// SPDX-License-Identifier: Apache-2.0
//
// The options of what is logged at a point in time.
#include <utility>

#include "launcher/filters.h"
#include "launcher/option_rows.h"

namespace vtn::launcher {

namespace {

using Text = const std::string&;

constexpr char kAllEvents[] = ".*";

Status add_log(Request& request, uint32_t key, Text given) {
  VTN_ASSIGN(std::string expression, log_expression(given));
  request.record.logs.emplace_back(key, std::move(expression));
  return {};
}

constexpr OptionRow kRows[] = {
    {"log_var",
     0,
     "RE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_log(request, VTN_SETTING_LOG_VARIABLE, value);
     },
     "each time a variable is bound whose whole name matches a regular expression, its new value. "
     "May be repeated, or several be given where a -- follows",
     nullptr,
     nullptr,
     true},
    {"log_number",
     0,
     "RE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_log(request, VTN_SETTING_LOG_NUMBER, value);
     },
     "likewise, as a counter",
     nullptr,
     nullptr,
     true},
    {"log_attr",
     0,
     "RE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_log(request, VTN_SETTING_LOG_ATTRIBUTE, value);
     },
     "each time an attribute is set whose name matches, likewise",
     nullptr,
     nullptr,
     true},
    {"log_func_exec",
     0,
     "RE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_log(request, VTN_SETTING_LOG_STORES_OF, value);
     },
     "each time that a function whose name matches binds anything, likewise",
     nullptr,
     nullptr,
     true},
    {"log_func_entry",
     0,
     "RE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       return add_log(request, VTN_SETTING_LOG_ENTRIES_OF, value);
     },
     "when a function begins whose name matches, likewise",
     nullptr,
     nullptr,
     true},
    {"magic_comment",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.magic_comments = value == "true";
       return {};
     },
     "what comments in the source ask for: '# !viztracer: log' behind a statement, '# !viztracer: "
     "log_var(\"x\", x)' or 'log_instant(\"name\")' on a line of its own; each with ' if "
     "CONDITION' "
     "at its end, too"},
    {"log_gc",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.collections = value == "true";
       return {};
     },
     "runs of the garbage collector, with what they found"},
    {"log_exception",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.exceptions = value == "true";
       return {};
     },
     "exceptions: where each is raised, and where it is caught or leaves its thread"},
    {"log_audit",
     0,
     "RE",
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       if (value == kAllEvents) {
         request.record.audits = true;
         return {};
       }
       return add_log(request, VTN_SETTING_LOG_AUDIT, value);
     },
     "CPython's audit events; where a regular expression is given, those whose whole name matches",
     kAllEvents,
     nullptr,
     true},
    {"log_print",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.prints = value == "true";
       return {};
     },
     "what the program prints by print(), where it does so; it is printed as ever"},
    {"log_sparse",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.sparse = value == "true";
       return {};
     },
     "record no calls: only what other options log"},
};

}  // namespace

std::span<const OptionRow> log_option_rows() { return kRows; }

}  // namespace vtn::launcher
