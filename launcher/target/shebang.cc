// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/shebang.h"

#include <algorithm>

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "launcher/target/environment.h"

namespace vtn::launcher {

namespace {

constexpr size_t kHeadBytes = 4096;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string_view next_line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (;;) {
    text = trimmed(text);
    if (text.empty()) {
      return words;
    }
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// "#!/usr/bin/env python3", "#!/usr/bin/env -S python3 -u". env's own language (quotes, variables,
// assignments) is left to env: such a script is no Python script to us.
void look_through_env(Shebang& shebang) {
  if (shebang.arguments.size() != 1) {
    return;
  }
  std::string_view text = shebang.arguments[0];
  std::vector<std::string> words;
  if (text.starts_with("-S") || text.starts_with("--split-string=")) {
    text.remove_prefix(text.starts_with("-S") ? 2 : text.find('=') + 1);
    if (text.find_first_of("\"'\\$#=") != text.npos) {
      return;
    }
    words = split_words(text);
  } else {
    words.emplace_back(text);
  }
  if (words.empty() || !names_python(words[0])) {
    return;
  }
  shebang.interpreter = words[0];
  shebang.by_name = words[0].find('/') == words[0].npos;
  shebang.arguments.assign(words.begin() + 1, words.end());
  shebang.is_python = true;
}

// One word of a shell command: bare, '...' or "..." without anything the shell would expand.
std::optional<std::string> shell_word(std::string_view& rest) {
  rest = trimmed(rest);
  std::string word;
  while (!rest.empty() && rest[0] != ' ' && rest[0] != '\t') {
    if (rest[0] == '"' || rest[0] == '\'') {
      const size_t end = rest.find(rest[0], 1);
      if (end == rest.npos) {
        return std::nullopt;
      }
      word += rest.substr(1, end - 1);
      rest.remove_prefix(end + 1);
    } else {
      word += rest[0];
      rest.remove_prefix(1);
    }
    if (word.find_first_of("$`\\") != word.npos) {
      return std::nullopt;
    }
  }
  return word.empty() ? std::nullopt : std::optional<std::string>(word);
}

// What installers write where the interpreter's path is too long for, or has a space in, the first
// line. The line is a string to Python and a command to sh:
//   '''exec' /long/path/python "$0" "$@"
//   '''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
void look_through_sh(Shebang& shebang, std::string_view second_line, std::string_view script) {
  constexpr std::string_view kExec = "'''exec' ";
  constexpr std::string_view kOwnFolder = "\"$(dirname -- \"$(realpath -- \"$0\")\")\"/";
  if (!second_line.starts_with(kExec)) {
    return;
  }
  std::string_view rest = trimmed(second_line.substr(kExec.size()));
  std::string folder;
  if (rest.starts_with(kOwnFolder)) {
    char* real = realpath(std::string(script).c_str(), nullptr);
    if (real == nullptr) {
      return;
    }
    folder = folder_of(real) + "/";
    free(real);
    rest.remove_prefix(kOwnFolder.size());
  }
  const auto word = shell_word(rest);
  if (!word || trimmed(rest) != "\"$0\" \"$@\"" || !names_python(*word)) {
    return;
  }
  shebang.interpreter = folder + *word;
  shebang.by_name = shebang.interpreter.find('/') == std::string::npos;
  shebang.arguments.clear();
  shebang.is_python = true;
}

}  // namespace

bool names_python(std::string_view path) {
  const std::string name = name_of(path);
  constexpr std::string_view kStem = "python";
  if (!name.starts_with(kStem)) {
    return false;
  }
  std::string_view rest = std::string_view(name).substr(kStem.size());
  const size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
  rest.remove_prefix(digits);
  return rest.empty() || rest == "t" || rest == "d" || rest == "td" || rest == "-dbg" ||
         rest == "w";
}

std::optional<Shebang> parse_shebang(std::string_view head, std::string_view script_path) {
  if (!head.starts_with("#!")) {
    return std::nullopt;
  }
  std::string_view rest = head.substr(2);
  const std::string_view line = trimmed(next_line(rest));
  // As the kernel reads it: the interpreter ends at the first blank, and all that follows is one
  // argument.
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  Shebang shebang;
  shebang.interpreter = line.substr(0, end);
  const std::string_view argument = trimmed(line.substr(end));
  if (!argument.empty()) {
    shebang.arguments.emplace_back(argument);
  }
  if (shebang.interpreter.empty()) {
    return std::nullopt;
  }
  const std::string name = name_of(shebang.interpreter);
  shebang.is_python = names_python(name);
  if (name == "env") {
    look_through_env(shebang);
  } else if ((name == "sh" || name == "bash") && shebang.arguments.empty()) {
    look_through_sh(shebang, next_line(rest), script_path);
  }
  return shebang;
}

std::optional<Shebang> read_shebang(const std::string& path) {
  if (!is_regular_file(path)) {
    return std::nullopt;
  }
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd) {
    return std::nullopt;
  }
  char head[kHeadBytes];
  auto count = read_all(fd->get(), head, sizeof(head));
  return count ? parse_shebang({head, *count}, path) : std::nullopt;
}

}  // namespace vtn::launcher
