// SPDX-License-Identifier: Apache-2.0
#include "debugger/commands.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";
constexpr uint64_t kMostCount = 1'000'000'000'000;
constexpr size_t kShownWord = 80;

}  // namespace

std::span<const CommandGroup> command_groups() {
  static const CommandGroup groups[] = {{"Moving, forward and backward", moving_commands()},
                                        {"Finding", finding_commands()},
                                        {"Looking", looking_commands()},
                                        {"Threads, processes, and the rest", choosing_commands()}};
  return groups;
}

std::vector<std::string_view> names_of(const Command& command) {
  std::vector<std::string_view> names;
  std::string_view left = command.names;
  while (!left.empty()) {
    names.push_back(take_word(left));
  }
  return names;
}

const Command* command_named(std::string_view name) {
  for (const CommandGroup& group : command_groups()) {
    for (const Command& command : group.commands) {
      const auto names = names_of(command);
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        return &command;
      }
    }
  }
  return nullptr;
}

std::string help_of_command(const Command& command) {
  const auto names = names_of(command);
  std::string left(names.front());
  for (size_t i = 1; i < names.size(); ++i) {
    left += (i == 1 ? ", " : " ") + std::string(names[i]);
  }
  left += *command.takes == '\0' ? "" : " " + std::string(command.takes);
  return fmt::format("  {:28} {}\n", left, command.help);
}

std::string help_of_commands() {
  std::string text;
  for (const CommandGroup& group : command_groups()) {
    text += std::string(group.title) + ":\n";
    for (const Command& command : group.commands) {
      text += help_of_command(command);
    }
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text = trimmed(text.substr(word.size()));
  return word;
}

Result<uint64_t> parse_count(std::string_view rest, const char* command, uint64_t otherwise) {
  if (rest.empty()) {
    return otherwise;
  }
  uint64_t count = 0;
  const char* const end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data(), end, count);
  if (error != std::errc() || stop != end || count == 0 || count > kMostCount) {
    return fail(fmt::format(
        "{} takes a number from 1 on, not '{}'", command, report::one_line(rest, kShownWord)));
  }
  return count;
}

}  // namespace vtn::debugger
