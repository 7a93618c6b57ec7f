// SPDX-License-Identifier: Apache-2.0
#include "launcher/options.h"

#include <algorithm>
#include <string_view>

#include <cxxopts.hpp>

#include "launcher/closest.h"
#include "launcher/commands/command.h"
#include "launcher/option_rows.h"

namespace vtn::launcher {

namespace {

constexpr std::string_view kNegation = "no_";

std::string normalized(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '-', '_');
  return result;
}

const OptionRow* find_long(std::string_view name) {
  const std::string wanted = normalized(name);
  for (const OptionRow& row : option_rows()) {
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
  for (const OptionRow& row : option_rows()) {
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

// Splits at the target. Fills `ours` with what precedes it, long names normalized, and `taken` with
// what says that the last word is the value of an option.
Status split(const std::vector<std::string>& arguments,
             std::vector<std::string>& ours,
             std::string& taken,
             LaunchSettings& launch) {
  const auto separator =
      static_cast<size_t>(std::find(arguments.begin(), arguments.end(), "--") - arguments.begin());
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
    taken.clear();
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
      taken = "; " + value + " is the value of " + argument;
    }
    // VizTracer's lists go on until the separator, which they need.
    const auto another_follows = [&] {
      if (row->all_words) {
        return i + 1 < arguments.size() && !arguments[i + 1].starts_with('-');
      }
      return row->many && i + 1 < separator && separator != arguments.size() &&
             !arguments[i + 1].starts_with('-');
    };
    // As one word, so that a value that looks like an option is still the value.
    if (has_value || !another_follows()) {
      ours.push_back("--" + std::string(row->name) + (has_value ? "=" + value : ""));
    }
    while (another_follows()) {
      ours.push_back("--" + std::string(row->name) + "=" + arguments[++i]);
    }
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

std::string list_of_commands() {
  std::string list;
  for (const CommandRow& row : command_rows()) {
    const std::string name = std::string(row.name) + " " + row.usage;
    list +=
        "  " + name + std::string(name.size() < 36 ? 36 - name.size() : 1, ' ') + row.help + "\n";
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
  for (const OptionRow& row : option_rows()) {
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

// What options say together. VizTracer refuses to combine files, too.
Status check_together(const Request& request, const std::string& taken) {
  const bool has_work = request.help || request.version || request.source.work != Work::kRun ||
                        request.attach.pid != 0 || request.attach.nothing;
  if (request.attach.pid != 0 && !request.launch.target.empty()) {
    return fail("--attach records a process that runs already, and runs none: leave " +
                request.launch.target.front() + " out");
  }
  if (request.launch.target.empty() && !request.given.empty() && !has_work) {
    return fail("there is no program to run" + taken);
  }
  const Window& window = request.source.window;
  if (window.given() && request.source.work != Work::kConvert && !request.help &&
      !request.version) {
    return fail("--from, --to, --process, --thread and --function are for --convert");
  }
  if (window.from && window.to && window.from->is_stamp == window.to->is_stamp &&
      window.from->ns >= window.to->ns) {
    return fail("--from must be before --to");
  }
  if (request.open && request.launch.keep_pid) {
    return fail("--open and --keep_pid exclude each other: then nobody of ours stays to show it");
  }
  const auto has = [&](uint32_t key) {
    const auto& patterns = request.record.functions.patterns;
    return std::any_of(
        patterns.begin(), patterns.end(), [&](const auto& one) { return one.first == key; });
  };
  if (has(VTN_SETTING_INCLUDE_FILE) && has(VTN_SETTING_EXCLUDE_FILE)) {
    return fail("--include_files and --exclude_files cannot be combined; --only and --hide can");
  }
  return {};
}

// What reports say of how it was recorded.
void tell_recording(Request& request) {
  for (const GivenOption& option : request.given) {
    if (option.scope == Scope::kRecord && !option.off) {
      request.record.told.push_back("--" + std::string(option.name) +
                                    (option.value.empty() ? "" : " " + option.value));
    }
  }
  const auto& patterns = request.record.functions.patterns;
  request.record.calls.excludes_subtrees =
      std::any_of(patterns.begin(), patterns.end(), [](const auto& one) {
        return one.first == VTN_SETTING_EXCLUDE_SUBTREE;
      });
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
    const bool bare = row->value == nullptr ||
                      (row->without_value != nullptr && one.value() == row->without_value);
    const bool off = row->value == nullptr && one.value() == "false";
    if (row->value == nullptr) {  // of a switch, the last holds
      std::erase_if(request.given, [&](const GivenOption& other) {
        return other.name == std::string_view(row->name);
      });
    }
    request.given.push_back({row->name, bare ? std::string() : one.value(), row->scope, off});
  }
  return {};
}

}  // namespace

Result<Request> parse_request(const std::vector<std::string>& arguments) {
  Request request;
  std::vector<std::string> ours;
  std::string taken;
  VTN_TRY(split(arguments, ours, taken, request.launch));
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
  VTN_TRY(check_together(request, taken));
  tell_recording(request);
  return request;
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const OptionRow& row : option_rows()) {
    names.emplace_back(row.name);
  }
  return names;
}

std::string help_text() {
  try {
    return describe().help({"Report", "Recording", "Command"}) + "\nReports:\n" +
           list_of_formats() + "\nCommands:\n" + list_of_commands();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace vtn::launcher
