// SPDX-License-Identifier: Apache-2.0
#include "launcher/rc_file.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "launcher/closest.h"
#include "launcher/option_rows.h"
#include "launcher/options.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 20;
constexpr std::string_view kBlank = " \t\r\f\v";

// They say what is to be done now, not how.
constexpr std::string_view kOfOneCommand[] = {
    "help",
    "version",
    "rcfile",
    "convert",
    "recover",
    "combine",
    "align_combine",
    "compress",
    "decompress",
    "from",
    "to",
    "process",
    "thread",
    "function",
};

// VizTracer's options that there are none of here.
constexpr std::string_view kNotKept[] = {
    "attach",
    "attach_installed",
    "cmd_string",
    "dump_raw",
    "file_info",
    "log_async",
    "log_multiprocess",
    "log_subprocess",
    "log_torch",
    "minimize_memory",
    "module",
    "patch_only",
    "plugins",
    "report_endpoint",
    "report_server",
    "run",
    "sanitize_function_name",
    "subprocess_child",
    "t",
    "uninstall",
};

// Values that a blank ends. Others that may be repeated stand on lines of their own.
constexpr std::string_view kLists[] = {"only", "hide", "exclude_subtree", "redact"};

// Of each only one can hold.
constexpr std::string_view kRivals[][2] = {
    {"include_files", "exclude_files"},
    {"output_file", "unique_output_file"},
    {"quiet", "verbose"},
};

template <size_t kCount>
bool is_among(std::string_view word, const std::string_view (&words)[kCount]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

std::string_view stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
  return result;
}

// Whether it is a truth value, as Python's configparser has it.
bool read_truth(std::string_view value, bool& truth) {
  constexpr std::string_view kTrue[] = {"true", "yes", "on", "1"};
  constexpr std::string_view kFalse[] = {"false", "no", "off", "0"};
  truth = is_among(lower(value), kTrue);
  return truth || is_among(lower(value), kFalse);
}

std::vector<std::string> split_at(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(separators), text.size());
    if (const std::string_view part = stripped(text.substr(0, end)); !part.empty()) {
      parts.emplace_back(part);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

const OptionRow* find_row(const std::string& name) {
  for (const OptionRow& row : option_rows()) {
    if (name == row.name) {
      return &row;
    }
  }
  return nullptr;
}

// A number of seconds is no truth value.
bool takes_truth(const OptionRow& row, const std::string& value) {
  return row.value == nullptr || row.negated != nullptr ||
         (row.without_value != nullptr &&
          (std::string_view(row.name) != "wait_children" || (value != "0" && value != "1")));
}

Result<std::vector<std::string>> words_of(const OptionRow& row, const std::string& value) {
  const std::string name = row.name;
  bool truth = false;
  if (takes_truth(row, value) && read_truth(value, truth)) {
    if (truth && row.negated != nullptr) {
      return fail(name + " needs a value: " + row.value);
    }
    if (truth) {
      return std::vector<std::string>{"--" + name};
    }
    return row.value == nullptr || row.negated != nullptr ? std::vector<std::string>{"--no_" + name}
                                                          : std::vector<std::string>();
  }
  if (row.value == nullptr) {
    return fail(name + " must be True or False");
  }
  const bool blanks = row.many || is_among(name, kLists);
  std::vector<std::string> words;
  for (const std::string& one : split_at(value, blanks ? " \t\n" : "\n")) {
    words.push_back("--" + name + "=" + one);
  }
  if (words.empty() && !blanks) {
    return fail(name + " needs a value: " + row.value);
  }
  return words;
}

// A key and its value, which goes on in lines that are indented.
struct Entry {
  std::string key;
  std::string value;
  size_t line;
};

Result<std::vector<Entry>> entries_of(std::string_view text, const std::string& path) {
  std::vector<Entry> entries;
  bool in_default = false;
  bool seen_default = false;
  bool may_go_on = false;
  if (text.starts_with("\xef\xbb\xbf")) {
    text.remove_prefix(3);
  }
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view content = stripped(whole);
    if (content.empty() || content[0] == '#' || content[0] == ';') {
      continue;
    }
    if (may_go_on && kBlank.find(whole[0]) != kBlank.npos) {
      if (in_default) {
        entries.back().value += '\n';
        entries.back().value += content;
      }
      continue;
    }
    if (content.front() == '[' && content.back() == ']') {
      in_default = content == "[default]";
      seen_default = seen_default || in_default;
      may_go_on = false;
      continue;
    }
    const size_t mark = content.find_first_of("=:");
    if (mark == content.npos || mark == 0) {
      return fail(fmt::format("{}:{}: neither [section] nor option = value", path, line));
    }
    may_go_on = true;
    if (!in_default) {
      continue;
    }
    std::string key = lower(stripped(content.substr(0, mark)));
    std::replace(key.begin(), key.end(), '-', '_');
    if (std::any_of(
            entries.begin(), entries.end(), [&](const Entry& one) { return one.key == key; })) {
      return fail(fmt::format("{}:{}: {} stands there twice", path, line, key));
    }
    entries.push_back({std::move(key), std::string(stripped(content.substr(mark + 1))), line});
  }
  if (!seen_default) {
    return fail(fmt::format("{} has no section [default]", path));
  }
  return entries;
}

}  // namespace

Result<RcFile> read_rc(const std::string& text, const std::string& path) {
  VTN_ASSIGN(const std::vector<Entry> entries, entries_of(text, path));
  RcFile file;
  for (const Entry& entry : entries) {
    const auto wrong = [&](const std::string& what) {
      return fail(fmt::format("{}:{}: {}", path, entry.line, what));
    };
    const OptionRow* row = find_row(entry.key);
    if (is_among(entry.key, kOfOneCommand)) {
      return wrong(entry.key + " is for the command line alone");
    }
    if (row == nullptr && is_among(entry.key, kNotKept)) {
      file.skipped.push_back(entry.key);
      continue;
    }
    if (row == nullptr) {
      const std::string nearest = closest_match(entry.key, option_names());
      return wrong("unknown option " + entry.key +
                   (nearest.empty() ? "; viztracer-native --help lists the options"
                                    : "; did you mean " + nearest + "?"));
    }
    auto words = words_of(*row, entry.value);
    if (!words) {
      return wrong(words.error().message);
    }
    // By itself, so that what is wrong has its line; with something to run.
    std::vector<std::string> trial = *words;
    trial.emplace_back("-");
    if (const auto parsed = parse_request(trial); !parsed) {
      return wrong(parsed.error().message);
    }
    file.options.push_back({entry.key, std::move(*words)});
  }
  return file;
}

Result<std::vector<std::string>> with_rc_file(const std::vector<std::string>& arguments,
                                              const std::string& rcfile,
                                              const std::vector<std::string>& given,
                                              std::string& note) {
  note.clear();
  if (rcfile.empty() && access(kRcFileName, F_OK) != 0) {
    return arguments;
  }
  const std::string path = rcfile.empty() ? kRcFileName : rcfile;
  VTN_ASSIGN(const std::string text, read_file(path, kMostBytes));
  VTN_ASSIGN(const RcFile file, read_rc(text, path));
  std::vector<std::string> words;
  for (const RcOption& option : file.options) {
    const auto decides = [&](const std::string& other) {
      return other == option.name ||
             std::any_of(std::begin(kRivals), std::end(kRivals), [&](const auto& rivals) {
               return is_among(other, rivals) && is_among(option.name, rivals);
             });
    };
    if (std::none_of(given.begin(), given.end(), decides)) {
      words.insert(words.end(), option.words.begin(), option.words.end());
    }
  }
  for (const std::string& option : file.skipped) {
    note += note.empty() ? path + ": without effect here: " + option : ", " + option;
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace vtn::launcher
