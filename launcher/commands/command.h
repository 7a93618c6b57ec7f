// SPDX-License-Identifier: Apache-2.0
//
// Commands that look at recordings: `viztracer-native info FILE`. A command is one row of the table
// (commands.cc): its name, its options, its help, a function. Everything else follows from the row.
//
// A program may have the same name. The first word is a command only if one of the words behind it
// names what the command is for, if it asks for help, or if nothing follows; and
// `viztracer-native -- info ...` is the program in any case.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vtn::launcher {

// Names are compared with dashes and underscores the same, as the launcher's own.
struct CommandOption {
  const char* name;   // with underscores
  char letter;        // or 0
  const char* value;  // its name in the help; null for a switch
  const char* help;
};

// What stood behind the command's name.
struct CommandWords {
  std::vector<std::string> names;                            // what is no option, in order
  std::vector<std::pair<std::string, std::string>> options;  // name and value, in order

  bool has(const std::string& option) const;
  // The last one's; empty: none was given.
  std::string value(const std::string& option) const;
};

struct CommandRow {
  const char* name;
  const char* usage;  // behind its name: "FILE [WHAT]"
  const char* help;   // what it does, one line
  size_t least_names;
  size_t most_names;
  std::span<const CommandOption> options;
  // Whether the word names what the command works on. Nothing is opened for longer than a look.
  bool (*is_for)(const std::string& word);
  // The exit status. In the launcher's own process, signals as it was given them.
  int (*run)(const CommandWords& words);
  const char* more = nullptr;  // further lines of help
};

// In the order of the help.
std::span<const CommandRow> command_rows();

// The command that these words are; null: they run a program, or have options of the launcher's.
const CommandRow* find_command(const std::vector<std::string>& arguments);

// The row of that name, which there is.
const CommandRow* command_named(const std::string& name);

// Of find_command()'s row: runs it. Says what is wrong with the words, and helps.
int run_command(const CommandRow& row, const std::vector<std::string>& arguments);

// What --help says of the command.
std::string command_help(const CommandRow& row);

// An error is a usage error: one line, without the program's name.
Result<CommandWords> read_words(const CommandRow& row, const std::vector<std::string>& arguments);

}  // namespace vtn::launcher
