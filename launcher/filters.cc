// SPDX-License-Identifier: Apache-2.0
#include "launcher/filters.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/freestanding/regex.h"

namespace vtn::launcher {

namespace {

namespace fs = std::filesystem;

// So that every letter stands for itself.
std::string escaped(const std::string& text) {
  std::string pattern;
  for (const char letter : text) {
    if (std::string_view("*?[\\").find(letter) != std::string_view::npos) {
      pattern += '\\';
    }
    pattern += letter;
  }
  return pattern;
}

std::string without_slash_at_end(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

// Without "." and "..", by the letters alone.
std::string tidy(const fs::path& path) {
  return without_slash_at_end(path.lexically_normal().string());
}

// A pattern of a folder is of all below it; the root has no name that a slash could follow.
std::string not_of_root(const std::string& pattern) { return pattern == "/" ? "/*" : pattern; }

Result<fs::path> current_folder() {
  std::error_code error;
  fs::path folder = fs::current_path(error);
  if (error) {
    return fail("is relative, and the current folder is gone");
  }
  return folder;
}

// Of a glob, the part before the first letter that is not itself: what a symlink may be in.
std::string plain_beginning(const std::string& glob) {
  const std::string plain = glob.substr(0, glob.find_first_of("*?[\\"));
  return plain.size() == glob.size() ? plain : plain.substr(0, plain.rfind('/') + 1);
}

void add_if_new(std::vector<std::string>& patterns, std::string pattern) {
  if (!patterns.empty() && patterns.front() == pattern) {
    return;
  }
  patterns.push_back(std::move(pattern));
}

}  // namespace

Result<std::vector<std::string>> function_patterns(const std::string& given) {
  if (given.empty()) {
    return fail("needs a pattern that is not empty");
  }
  if (given.find('/') == std::string::npos) {
    return std::vector<std::string>{given};
  }
  std::string glob = not_of_root(without_slash_at_end(given));
  if (glob.front() == '*') {
    return std::vector<std::string>{glob};  // in any folder
  }
  if (glob.front() != '/') {
    VTN_ASSIGN(const fs::path folder, current_folder());
    while (glob.starts_with("./")) {
      glob.erase(0, 2);
    }
    glob = escaped(folder.string()) + "/" + glob;
  }
  std::vector<std::string> patterns = {glob};
  const std::string plain = plain_beginning(glob);
  std::error_code error;
  const fs::path real = fs::weakly_canonical(plain, error);
  if (!error && !plain.empty()) {
    const std::string rest = glob.substr(plain.size());
    const std::string begin = without_slash_at_end(real.string());
    add_if_new(patterns, escaped(begin) + (rest.empty() ? "" : "/" + rest));
  }
  return patterns;
}

Result<std::vector<std::string>> path_patterns(const std::string& given) {
  std::error_code error;
  if (given.empty() || !fs::exists(given, error)) {
    return fail("there is no such file or folder");
  }
  fs::path path = given;
  if (path.is_relative()) {
    VTN_ASSIGN(const fs::path folder, current_folder());
    path = folder / path;
  }
  std::vector<std::string> patterns = {not_of_root(escaped(tidy(path)))};
  const fs::path real = fs::canonical(path, error);
  if (!error) {
    add_if_new(patterns, not_of_root(escaped(real.string())));
  }
  return patterns;
}

Result<std::string> log_expression(const std::string& given) {
  if (given.empty()) {
    return fail("needs a regular expression that is not empty");
  }
  const auto compiled = std::make_unique<vtn_regex>();
  if (const char* wrong = vtn_regex_compile(compiled.get(), given.c_str()); wrong != nullptr) {
    return fail("the regular expression '" + given + "' " + wrong);
  }
  return given;
}

}  // namespace vtn::launcher
