// SPDX-License-Identifier: Apache-2.0
#include "launcher/options.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include <cxxopts.hpp>

#include "launcher/closest.h"

namespace vtn::launcher {

namespace {

// The one list of options: the scan for the target's place, the parser and the help follow it.
struct OptionRow {
  const char* name;   // with underscores
  char letter;        // or 0
  const char* value;  // its name in the help; null for a switch
  const char* help;
  const char* without_value = nullptr;  // what it means without one: then it is never the next word
};

constexpr OptionRow kRows[] = {
    {"output_file",
     'o',
     "FILE",
     "where the report goes, by its extension: .json, .json.gz, .pftrace, .perfetto-trace (or "
     ".gz of these), .vtn. May be repeated: one run, several formats. Default: result.json"},
    {"unique_output_file", 'u', nullptr, "name the report after program, time and process"},
    {"output_dir", 0, "DIR", "the folder of the report; made if it is missing"},
    {"python", 0, "PATH", "the interpreter; default: $VIRTUAL_ENV, else python3 on PATH"},
    {"host",
     0,
     "auto|embed|exec",
     "run the interpreter's library in a host of ours (embed), the interpreter itself (exec), or "
     "what costs nothing (auto)"},
    {"ignore_c_function", 0, nullptr, "record Python functions only: cheaper"},
    {"processes",
     0,
     "all|python",
     "what the report shows of the process tree: every program of it (all, the default), or those "
     "that run Python"},
    {"exclude_process",
     0,
     "GLOB",
     "leave a process untraced whose executable's name, script's name or whole command line "
     "matches. May be repeated"},
    {"ignore_multiprocess", 0, nullptr, "record the program alone: its children run untraced"},
    {"wait_children",
     0,
     "SECONDS",
     "when the program has ended, go on recording until the processes it left have ended too, or "
     "that long; Ctrl-C ends the wait",
     "forever"},
    {"keep_pid",
     0,
     nullptr,
     "give the program the process id of this command, for service managers and pid files; the "
     "report is then written by a process in the background, a moment after the program's end"},
    {"quiet", 0, nullptr, "say nothing but errors"},
    {"verbose", 0, "N", "0 is quiet, 1 the default, 2 tells more"},
    {"keep_raw", 0, nullptr, "keep what was recorded beside the report"},
    {"convert", 0, "FILE.vtn", "write a report (-o) of a saved recording"},
    {"recover", 0, "DIR", "write a report (-o) of what a killed run left"},
    {"version", 0, nullptr, "print the version and exit"},
    {"help", 'h', nullptr, "print this and exit"},
};

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

const OptionRow* find_letter(char letter) {
  for (const OptionRow& row : kRows) {
    if (row.letter != 0 && row.letter == letter) {
      return &row;
    }
  }
  return nullptr;
}

tl::unexpected<Error> unknown_option(const std::string& given) {
  std::vector<std::string> names;
  for (const OptionRow& row : kRows) {
    names.emplace_back(row.name);
  }
  const size_t name = std::min(given.find_first_not_of('-'), given.size());
  const std::string nearest =
      closest_match(normalized(given.substr(name, given.find('=') - name)), names);
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
             Options& options) {
  size_t i = 0;
  for (; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      options.after_separator = true;
      ++i;
      break;
    }
    if (starts_target(argument)) {
      break;
    }
    const OptionRow* row = nullptr;
    bool has_value = false;
    if (argument.starts_with("--")) {
      const size_t equals = argument.find('=');
      const std::string name = argument.substr(2, equals == argument.npos ? equals : equals - 2);
      row = find_long(name);
      has_value = equals != argument.npos;
      ours.push_back(row == nullptr ? argument
                                    : "--" + std::string(row->name) +
                                          (has_value ? argument.substr(equals) : ""));
      if (row != nullptr && has_value && row->value == nullptr) {
        return fail("option --" + std::string(row->name) + " takes no value");
      }
    } else {
      row = find_letter(argument[1]);
      has_value = argument.size() > 2;
      if (row != nullptr && row->value == nullptr && has_value) {
        return unknown_option(argument);
      }
      ours.push_back(argument.substr(0, 2));
      if (has_value) {
        ours.push_back(argument.substr(2));
      }
    }
    if (row == nullptr) {
      return unknown_option(argument);
    }
    if (row->value != nullptr && row->without_value == nullptr && !has_value) {
      if (i + 1 == arguments.size()) {
        return fail("option " + argument + " needs a value: " + row->value);
      }
      // As one word, so that a value that looks like an option is still the value.
      if (argument.starts_with("--")) {
        ours.back() += "=" + arguments[++i];
      } else {
        ours.push_back(arguments[++i]);
      }
    }
  }
  if (i + 1 == arguments.size() && (arguments[i] == "-m" || arguments[i] == "-c")) {
    return fail(arguments[i] == "-m" ? "-m needs the name of a module"
                                     : "-c needs a piece of code");
  }
  options.target.assign(arguments.begin() + static_cast<ptrdiff_t>(i), arguments.end());
  return {};
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
    if (row.value == nullptr) {
      parser.add_options()(names, row.help);
    } else if (row.without_value != nullptr) {
      parser.add_options()(names,
                           row.help,
                           cxxopts::value<std::string>()->implicit_value(row.without_value),
                           row.value);
    } else {
      parser.add_options()(names, row.help, cxxopts::value<std::string>(), row.value);
    }
  }
  return parser;
}

Status read_host(const std::string& text, HostChoice& host) {
  if (text == "auto") {
    host = HostChoice::kAuto;
  } else if (text == "embed") {
    host = HostChoice::kEmbed;
  } else if (text == "exec") {
    host = HostChoice::kExec;
  } else {
    return fail("--host " + text + ": must be auto, embed or exec");
  }
  return {};
}

Status read_verbose(const std::string& text, int& verbose) {
  if (text.size() != 1 || text[0] < '0' || text[0] > '9') {
    return fail("--verbose " + text + ": must be a number from 0 to 9");
  }
  verbose = text[0] - '0';
  return {};
}

Status read_processes(const std::string& text, bool& python_only) {
  if (text != "all" && text != "python") {
    return fail("--processes " + text + ": must be all or python");
  }
  python_only = text == "python";
  return {};
}

Status read_wait(const std::string& text, int& wait_ms) {
  constexpr double kMostSeconds = 1e6;
  if (text == "forever") {
    wait_ms = kWaitForever;
    return {};
  }
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0) ||
      seconds > kMostSeconds) {
    return fail("--wait_children=" + text + ": must be a number of seconds, up to a million");
  }
  wait_ms = static_cast<int>(seconds * 1000);
  return {};
}

// Takes the values of an option that may be repeated out of `words`: cxxopts splits a list at
// commas, which are letters of file names and patterns like any other.
std::vector<std::string> take_all(std::vector<std::string>& words, const OptionRow& row) {
  std::vector<std::string> values;
  std::vector<std::string> rest;
  const std::string with_value = "--" + std::string(row.name) + "=";
  const std::string letter = {'-', row.letter};
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with(with_value)) {
      values.push_back(words[i].substr(with_value.size()));
    } else if (row.letter != 0 && words[i] == letter) {
      values.push_back(words[++i]);
    } else {
      rest.push_back(words[i]);
    }
  }
  words = std::move(rest);
  return values;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  std::vector<std::string> ours;
  VTN_TRY(split(arguments, ours, options));

  options.output_files = take_all(ours, *find_long("output_file"));
  options.excluded_processes = take_all(ours, *find_long("exclude_process"));
  for (const std::string& pattern : options.excluded_processes) {
    if (pattern.empty()) {
      return fail("--exclude_process needs a pattern that is not empty");
    }
  }
  std::vector<const char*> words = {"viztracer-native"};
  for (const std::string& word : ours) {
    words.push_back(word.c_str());
  }
  try {
    cxxopts::Options parser = describe();
    const cxxopts::ParseResult parsed = parser.parse(static_cast<int>(words.size()), words.data());
    const auto text = [&parsed](const char* name) {
      return parsed.count(name) == 0 ? std::string() : parsed[name].as<std::string>();
    };
    options.unique_output_file = parsed.count("unique_output_file") != 0;
    options.output_dir = text("output_dir");
    options.python = text("python");
    options.ignore_c_function = parsed.count("ignore_c_function") != 0;
    options.quiet = parsed.count("quiet") != 0;
    options.keep_raw = parsed.count("keep_raw") != 0;
    options.keep_pid = parsed.count("keep_pid") != 0;
    options.ignore_multiprocess = parsed.count("ignore_multiprocess") != 0;
    if (parsed.count("processes") != 0) {
      VTN_TRY(read_processes(text("processes"), options.python_only));
    }
    if (parsed.count("wait_children") != 0) {
      VTN_TRY(read_wait(text("wait_children"), options.wait_children_ms));
    }
    options.convert = text("convert");
    options.recover = text("recover");
    options.version = parsed.count("version") != 0;
    options.help = parsed.count("help") != 0;
    if (parsed.count("host") != 0) {
      VTN_TRY(read_host(text("host"), options.host));
    }
    if (parsed.count("verbose") != 0) {
      VTN_TRY(read_verbose(text("verbose"), options.verbose));
    }
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  if (options.verbose == 0) {
    options.quiet = true;
  }
  return options;
}

std::string help_text() {
  try {
    return describe().help();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace vtn::launcher
