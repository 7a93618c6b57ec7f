// SPDX-License-Identifier: Apache-2.0
#include "report/process_names.h"

#include <algorithm>
#include <iterator>

#include "abi/python_arguments.h"
#include "base/file.h"
#include "base/utf8.h"

namespace vtn::report {

namespace {

constexpr size_t kMostNameBytes = 80;
constexpr size_t kMostCodeBytes = 40;
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

// What libraries start their own processes with, as arguments of -c.
struct Known {
  std::string_view code;
  const char* name;
};
constexpr Known kKnownCode[] = {
    {"from multiprocessing.spawn import", "multiprocessing spawn"},
    {"from multiprocessing.forkserver import", "multiprocessing forkserver"},
    {"from multiprocessing.resource_tracker import", "multiprocessing resource_tracker"},
    {"from multiprocessing.semaphore_tracker import", "multiprocessing semaphore_tracker"},
    {"import sys;exec(eval(sys.stdin.readline()))", "execnet worker"},  // of pytest-xdist
};

std::string name_of_code(const std::string& program, std::string_view code) {
  for (const Known& known : kKnownCode) {
    if (code.starts_with(known.code)) {
      return known.name;
    }
  }
  const std::string beginning = one_line(code, kMostCodeBytes);
  return beginning.empty() ? program + " -c" : program + " -c " + beginning;
}

// A folder or archive that is run is called by its own name.
std::string name_of_script(std::string_view script) {
  while (script.size() > 1 && script.back() == '/') {
    script.remove_suffix(1);
  }
  const std::string base = name_of(script);
  return base == "__main__.py" && script.size() > base.size() ? name_of(folder_of(script)) : base;
}

std::string name_of_python(const std::vector<std::string>& argv) {
  std::string program = name_of(argv[0]);
  std::vector<const char*> words;
  for (const std::string& argument : argv) {
    words.push_back(argument.c_str());
  }
  words.push_back(nullptr);
  const char* what = nullptr;
  switch (vtn_python_target(words.data(), &what)) {
    case VTN_RUNS_SCRIPT:
      return name_of_script(what);
    case VTN_RUNS_MODULE:
      return what;
    case VTN_RUNS_CODE:
      return name_of_code(program, what);
    case VTN_RUNS_INPUT:
      return program + " -";
    default:
      return program;
  }
}

}  // namespace

bool is_python_name(std::string_view name) {
  return name.starts_with("python") &&
         name.find_first_not_of("0123456789.", 6) == std::string_view::npos;
}

bool is_helper_name(std::string_view name) {
  return std::any_of(std::begin(kKnownCode), std::end(kKnownCode), [&](const Known& known) {
    return name == known.name;
  });
}

std::string one_line(std::string_view text, size_t most_bytes) {
  std::string line;
  for (const char letter : text) {
    const bool control = static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
    if (!control) {
      line += letter;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') {
    line.pop_back();
  }
  line = valid_utf8(line);
  if (line.size() > most_bytes) {
    line.resize(utf8_fitting(line, most_bytes - kEllipsis.size()));
    line += kEllipsis;
  }
  return line;
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    line += line.empty() ? "" : " ";
    line += word;
  }
  return line;
}

std::string program_name(const std::string& executable, const std::vector<std::string>& argv) {
  if (argv.empty() || argv[0].empty()) {
    return one_line(name_of(executable), kMostNameBytes);
  }
  if (is_python_name(name_of(argv[0])) || is_python_name(name_of(executable))) {
    return one_line(name_of_python(argv), kMostNameBytes);
  }
  std::vector<std::string> words = argv;
  words[0] = name_of(words[0]);
  return one_line(joined(words), kMostNameBytes);
}

}  // namespace vtn::report
