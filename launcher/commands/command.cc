// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/command.h"

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/closest.h"

namespace vtn::launcher {

namespace {

constexpr int kUsageError = 2;

bool asks_for_help(const std::string& word) { return word == "--help" || word == "-h"; }

std::string normalized(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

const CommandOption* find_option(const CommandRow& row, const std::string& name) {
  for (const CommandOption& option : row.options) {
    if (name == option.name) {
      return &option;
    }
  }
  return nullptr;
}

const CommandOption* find_letter(const CommandRow& row, char letter) {
  for (const CommandOption& option : row.options) {
    if (option.letter == letter) {
      return &option;
    }
  }
  return nullptr;
}

tl::unexpected<Error> unknown_option(const CommandRow& row, const std::string& given) {
  std::vector<std::string> known;
  for (const CommandOption& option : row.options) {
    known.emplace_back(option.name);
  }
  const size_t name = std::min(given.find_first_not_of('-'), given.size());
  const std::string nearest =
      closest_match(normalized(given.substr(name, given.find('=') - name)), known);
  return fail(fmt::format("{} has no option {}{}",
                          row.name,
                          given,
                          nearest.empty() ? fmt::format("; viztracer-native {} --help", row.name)
                                          : "; did you mean --" + nearest + "?"));
}

std::string option_line(const CommandOption& option) {
  std::string names = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "    ";
  names += fmt::format("--{}{}{}",
                       option.name,
                       option.value == nullptr ? "" : " ",
                       option.value == nullptr ? "" : option.value);
  return fmt::format("  {:<34} {}\n", names, option.help);
}

}  // namespace

bool CommandWords::has(const std::string& option) const {
  return std::any_of(
      options.begin(), options.end(), [&](const auto& one) { return one.first == option; });
}

std::string CommandWords::value(const std::string& option) const {
  std::string last;
  for (const auto& [name, value] : options) {
    last = name == option ? value : last;
  }
  return last;
}

const CommandRow* command_named(const std::string& name) {
  for (const CommandRow& row : command_rows()) {
    if (name == row.name) {
      return &row;
    }
  }
  return nullptr;
}

const CommandRow* find_command(const std::vector<std::string>& arguments) {
  const CommandRow* const row = arguments.empty() ? nullptr : command_named(arguments[0]);
  const bool meant =
      row != nullptr &&
      (arguments.size() == 1 || asks_for_help(arguments[1]) ||
       std::any_of(arguments.begin() + 1, arguments.end(), [&](const std::string& word) {
         return row->is_for(word);
       }));
  return meant ? row : nullptr;
}

Result<CommandWords> read_words(const CommandRow& row, const std::vector<std::string>& arguments) {
  CommandWords words;
  bool only_names = false;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_names || argument.size() < 2 || argument[0] != '-') {
      words.names.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_names = true;
      continue;
    }
    const bool is_long = argument[1] == '-';
    const size_t equals = is_long ? std::min(argument.find('='), argument.size()) : 2;
    const CommandOption* option = is_long
                                      ? find_option(row, normalized(argument.substr(2, equals - 2)))
                                      : find_letter(row, argument[1]);
    bool has_value = equals < argument.size();
    if (option == nullptr || (option->value == nullptr && has_value && !is_long)) {
      return unknown_option(row, argument);
    }
    std::string value = has_value ? argument.substr(equals + (is_long ? 1 : 0)) : "";
    if (option->value == nullptr && has_value) {
      return fail(fmt::format("option --{} takes no value", option->name));
    }
    if (option->value != nullptr && !has_value) {
      if (i + 1 == arguments.size()) {
        return fail(fmt::format("option {} needs a value: {}", argument, option->value));
      }
      value = arguments[++i];
    }
    words.options.emplace_back(option->name, std::move(value));
  }
  if (words.names.size() < row.least_names || words.names.size() > row.most_names) {
    const bool few = words.names.size() < row.least_names;
    return fail(fmt::format(
        "{}: usage: viztracer-native {} {}; viztracer-native -- {} runs a program of that name",
        few ? fmt::format("{} needs more", row.name)
            : fmt::format("{} takes no {}", row.name, words.names[row.most_names]),
        row.name,
        row.usage,
        row.name));
  }
  return words;
}

std::string command_help(const CommandRow& row) {
  std::string text =
      fmt::format("Usage:\n  viztracer-native {} {}\n\n{}\n", row.name, row.usage, row.help);
  if (row.more != nullptr) {
    text += fmt::format("\n{}\n", row.more);
  }
  text += "\nOptions:\n";
  for (const CommandOption& option : row.options) {
    text += option_line(option);
  }
  text += option_line({"help", 'h', nullptr, "print this and exit"});
  text += fmt::format("\nviztracer-native -- {} ... runs a program of that name.\n", row.name);
  return text;
}

int run_command(const CommandRow& row, const std::vector<std::string>& arguments) {
  if (std::any_of(arguments.begin() + 1, arguments.end(), asks_for_help)) {
    return write_all(STDOUT_FILENO, command_help(row)) ? 0 : 1;
  }
  const auto words = read_words(row, arguments);
  if (!words) {
    log_error("%s", words.error().message.c_str());
    return kUsageError;
  }
  return row.run(*words);
}

}  // namespace vtn::launcher
