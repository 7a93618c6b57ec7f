// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/environment.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vtn::launcher {

namespace {

bool has_name(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

}  // namespace

Environment Environment::copy_of(const char* const* entries) {
  Environment environment;
  for (; entries != nullptr && *entries != nullptr; ++entries) {
    environment.entries_.emplace_back(*entries);
  }
  return environment;
}

std::optional<std::string> Environment::get(std::string_view name) const {
  for (const std::string& entry : entries_) {
    if (has_name(entry, name)) {
      return entry.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::string Environment::get_or_empty(std::string_view name) const {
  return get(name).value_or("");
}

void Environment::set(std::string_view name, std::string_view value) {
  std::string text(name);
  text += '=';
  text += value;
  for (std::string& entry : entries_) {
    if (has_name(entry, name)) {
      entry = std::move(text);
      return;
    }
  }
  entries_.push_back(std::move(text));
}

void Environment::unset(std::string_view name) {
  std::erase_if(entries_, [name](const std::string& entry) { return has_name(entry, name); });
}

bool is_regular_file(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool is_folder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_executable_file(const std::string& path) {
  return is_regular_file(path) && faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

std::string find_on_path(const std::string& name, const std::optional<std::string>& path) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return is_executable_file(name) ? name : "";
  }
  std::string_view rest = path ? std::string_view(*path) : "/bin:/usr/bin";
  for (;;) {
    const size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    std::string candidate = folder.empty() ? "./" + name : std::string(folder) + "/" + name;
    if (is_executable_file(candidate)) {
      return candidate;
    }
    if (colon == rest.npos) {
      return "";
    }
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace vtn::launcher
