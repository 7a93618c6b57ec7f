// SPDX-License-Identifier: Apache-2.0
#include "launcher/options.h"

#include <algorithm>
#include <string_view>

#include <cxxopts.hpp>

#include "launcher/closest.h"
#include "launcher/values.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr uint64_t kMostSummaryLines = 1'000'000;

// An option: the scan for the target's place, the parser, the help, and what a nested run says
// follow from its row. `set` stores one value (of a switch: "true" or "false"); its error is put
// behind the option's name.
struct OptionRow {
  const char* name;   // with underscores
  char letter;        // or 0
  const char* value;  // its name in the help; null for a switch
  Scope scope;
  Status (*set)(Request& request, const std::string& value);
  const char* help;
  const char* without_value = nullptr;  // what it means without one: then it is never the next word
  const char* negated = nullptr;        // what --no_NAME stands for; null: there is none
};

using Text = const std::string&;

constexpr OptionRow kRows[] = {
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
    {"ignore_c_function",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.c_functions = value != "true";
       return {};
     },
     "record Python functions only: cheaper"},
    {"log_lines",
     0,
     nullptr,
     Scope::kRecord,
     [](Request& request, Text value) -> Status {
       request.record.caller_lines = value == "true";
       return {};
     },
     "with each Python call, the line that it is made from"},
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
     "the interpreter; default: $VIRTUAL_ENV, else python3 on PATH"},
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
    {"convert",
     0,
     "FILE.vtn",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       request.convert = value;
       return {};
     },
     "write a report (-o) of a saved recording"},
    {"recover",
     0,
     "DIR",
     Scope::kCommand,
     [](Request& request, Text value) -> Status {
       request.recover = value;
       return {};
     },
     "write a report (-o) of what a killed run left"},
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

constexpr std::string_view kNegation = "no_";

std::string normalized(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '-', '_');
  return result;
}

const OptionRow* find_long(std::string_view name) {
  const std::string wanted = normalized(name);
  for (const OptionRow& row : kRows) {
    if (wanted == row.name) {
      return &row;
    }
  }
  return nullptr;
}

// What --no_NAME stands for, if it is the negation of an option that has one.
const char* negated_value(const OptionRow& row) {
  return row.value == nullptr ? "false" : row.negated;
}

const OptionRow* find_negated(std::string_view name) {
  const std::string wanted = normalized(name);
  const OptionRow* row = wanted.starts_with(kNegation)
                             ? find_long(std::string_view(wanted).substr(kNegation.size()))
                             : nullptr;
  return row != nullptr && negated_value(*row) != nullptr ? row : nullptr;
}

const OptionRow* find_letter(char letter) {
  for (const OptionRow& row : kRows) {
    if (row.letter != 0 && row.letter == letter) {
      return &row;
    }
  }
  return nullptr;
}

tl::unexpected<Error> unknown_option(const std::string& given) {
  const size_t name = std::min(given.find_first_not_of('-'), given.size());
  const std::string nearest =
      closest_match(normalized(given.substr(name, given.find('=') - name)), option_names());
  std::string message = "unknown option " + given;
  message += nearest.empty() ? "; --help lists the options" : "; did you mean --" + nearest + "?";
  return fail(message);
}

bool starts_target(const std::string& argument) {
  return argument.empty() || argument[0] != '-' || argument == "-" || argument.starts_with("-m") ||
         argument.starts_with("-c");
}

// Splits at the target. Fills `ours` with what precedes it, long names normalized.
Status split(const std::vector<std::string>& arguments,
             std::vector<std::string>& ours,
             LaunchSettings& launch) {
  size_t i = 0;
  for (; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      launch.after_separator = true;
      ++i;
      break;
    }
    if (starts_target(argument)) {
      break;
    }
    const OptionRow* row = nullptr;
    bool has_value = false;
    std::string value;
    if (argument.starts_with("--")) {
      const size_t equals = std::min(argument.find('='), argument.size());
      const std::string name = argument.substr(2, equals - 2);
      has_value = equals != argument.size();
      value = has_value ? argument.substr(equals + 1) : "";
      row = find_long(name);
      if (row == nullptr && !has_value && (row = find_negated(name)) != nullptr) {
        ours.push_back("--" + std::string(row->name) + "=" + negated_value(*row));
        continue;
      }
      if (row != nullptr && has_value && row->value == nullptr) {
        return fail("option --" + std::string(row->name) + " takes no value");
      }
    } else {
      row = find_letter(argument[1]);
      has_value = argument.size() > 2;
      value = argument.substr(2);
      if (row != nullptr && row->value == nullptr && has_value) {
        return unknown_option(argument);
      }
    }
    if (row == nullptr) {
      return unknown_option(argument);
    }
    if (row->value != nullptr && row->without_value == nullptr && !has_value) {
      if (i + 1 == arguments.size()) {
        return fail("option " + argument + " needs a value: " + row->value);
      }
      has_value = true;
      value = arguments[++i];
    }
    // As one word, so that a value that looks like an option is still the value.
    ours.push_back("--" + std::string(row->name) + (has_value ? "=" + value : ""));
  }
  if (i + 1 == arguments.size() && (arguments[i] == "-m" || arguments[i] == "-c")) {
    return fail(arguments[i] == "-m" ? "-m needs the name of a module"
                                     : "-c needs a piece of code");
  }
  launch.target.assign(arguments.begin() + static_cast<ptrdiff_t>(i), arguments.end());
  return {};
}

const char* group_of(Scope scope) {
  switch (scope) {
    case Scope::kReport:
      return "Report";
    case Scope::kRecord:
      return "Recording";
    case Scope::kCommand:
      break;
  }
  return "Command";
}

std::string list_of_formats() {
  std::string list;
  for (const report::Format& format : report::formats()) {
    const std::string name = std::string(format.extension) +
                             (format.can_gzip ? ", " + std::string(format.extension) + ".gz" : "");
    list += "  " + name + std::string(name.size() < 36 ? 36 - name.size() : 1, ' ') + format.help +
            "\n";
  }
  return list;
}

cxxopts::Options describe() {
  cxxopts::Options parser("viztracer-native",
                          "Runs a Python program and writes down every call it makes.\n");
  parser.custom_help(
      "[options] script.py args...\n"
      "  viztracer-native [options] -m module args...\n"
      "  viztracer-native [options] -c code args...\n"
      "  viztracer-native [options] -               (the program is read from stdin)\n"
      "  viztracer-native [options] name args...    (a console script or program on PATH)\n"
      "  viztracer-native [options] -- command args...");
  for (const OptionRow& row : kRows) {
    const std::string names =
        row.letter != 0 ? std::string(1, row.letter) + "," + row.name : std::string(row.name);
    auto value = row.value == nullptr
                     ? std::static_pointer_cast<const cxxopts::Value>(cxxopts::value<bool>())
                     : cxxopts::value<std::string>();
    if (row.without_value != nullptr) {
      value = cxxopts::value<std::string>()->implicit_value(row.without_value);
    }
    parser.add_options(group_of(row.scope))(
        names, row.help, value, row.value == nullptr ? "" : row.value);
  }
  return parser;
}

// Hands each option that was given to its row, in order.
Status apply(const cxxopts::ParseResult& parsed, Request& request) {
  for (const cxxopts::KeyValue& one : parsed.arguments()) {
    const OptionRow* row = find_long(one.key());
    if (row == nullptr) {
      return fail("unknown option --" + one.key());
    }
    if (Status set = row->set(request, one.value()); !set) {
      return fail("--" + std::string(row->name) + (row->value == nullptr ? "" : "=" + one.value()) +
                  ": " + set.error().message);
    }
    request.given.push_back(
        {row->name, row->value == nullptr ? std::string() : one.value(), row->scope});
  }
  return {};
}

}  // namespace

Result<Request> parse_request(const std::vector<std::string>& arguments) {
  Request request;
  std::vector<std::string> ours;
  VTN_TRY(split(arguments, ours, request.launch));
  std::vector<const char*> words = {"viztracer-native"};
  for (const std::string& word : ours) {
    words.push_back(word.c_str());
  }
  try {
    cxxopts::Options parser = describe();
    VTN_TRY(apply(parser.parse(static_cast<int>(words.size()), words.data()), request));
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  return request;
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const OptionRow& row : kRows) {
    names.emplace_back(row.name);
  }
  return names;
}

std::string help_text() {
  try {
    return describe().help({"Report", "Recording", "Command"}) + "\nReports:\n" + list_of_formats();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace vtn::launcher
