// SPDX-License-Identifier: Apache-2.0
//
// The environment that the program will get: a copy that can be edited. Order and odd entries
// (twins, entries without '=') are kept as they are, for the program may look at them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vtn::launcher {

class Environment {
 public:
  Environment() = default;
  explicit Environment(std::vector<std::string> entries) : entries_(std::move(entries)) {}
  // A copy of a null-terminated array, such as environ.
  static Environment copy_of(const char* const* entries);

  // The first entry of that name, as getenv(3) finds it.
  std::optional<std::string> get(std::string_view name) const;
  // As above, where set and empty is as good as not set.
  std::string get_or_empty(std::string_view name) const;
  // Replaces the entry in its place, else appends.
  void set(std::string_view name, std::string_view value);
  void unset(std::string_view name);

  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
};

// The file that execvp(3) would run for `name` with this PATH: `name` itself if it has a slash,
// else the first executable regular file. Empty if there is none.
std::string find_on_path(const std::string& name, const std::optional<std::string>& path);

bool is_executable_file(const std::string& path);
bool is_regular_file(const std::string& path);
bool is_folder(const std::string& path);

}  // namespace vtn::launcher
