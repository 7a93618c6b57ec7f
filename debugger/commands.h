// SPDX-License-Identifier: Apache-2.0
//
// The commands: a table of rows, each with its names, its help and a function. What a line may be,
// the help and the completion follow from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "debugger/debugger.h"

namespace vtn::debugger {

enum class Completes { kNothing, kFunctions, kCommands };

struct Command {
  const char* names;  // "step s": the long one first
  const char* takes;  // "[COUNT]"; empty: nothing
  const char* help;   // one sentence
  Completes completes;
  // `rest` is what follows the name, without space around it. An error is a line for the user.
  Result<std::string> (*run)(Debugger& debugger, std::string_view rest);
};

// In the order of the help.
struct CommandGroup {
  const char* title;
  std::span<const Command> commands;
};
std::span<const CommandGroup> command_groups();
std::vector<std::string_view> names_of(const Command& command);
// Null: none is called that.
const Command* command_named(std::string_view name);
std::string help_of_commands();
std::string help_of_command(const Command& command);

// The groups.
std::span<const Command> moving_commands();
std::span<const Command> finding_commands();
std::span<const Command> looking_commands();
std::span<const Command> choosing_commands();

// What is common to rows.
std::string_view trimmed(std::string_view text);
// The first word, taken off the front of the text.
std::string_view take_word(std::string_view& text);
// A number from `least` on; `otherwise` where there is none. An error names the command.
Result<uint64_t> parse_count(std::string_view rest, const char* command, uint64_t otherwise);

}  // namespace vtn::debugger
