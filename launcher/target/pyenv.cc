// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/pyenv.h"

#include <algorithm>
#include <vector>

#include <dirent.h>
#include <stdlib.h>

#include "base/file.h"

namespace vtn::launcher {

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    if (end != 0 && !text.empty()) {
      parts.emplace_back(text.substr(0, end));
    }
    if (end == text.npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  if (DIR* entries = opendir(folder.c_str())) {
    while (const dirent* entry = readdir(entries)) {
      if (entry->d_name[0] != '.') {
        names.emplace_back(entry->d_name);
      }
    }
    (void)closedir(entries);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The first word of each line, comments aside; names that lead out of versions/ are ignored, as
// pyenv ignores them.
std::vector<std::string> read_version_file(const std::string& path) {
  std::vector<std::string> versions;
  auto text = read_file(path, 65536);
  if (!text) {
    return versions;
  }
  for (const std::string& line : split(*text, '\n')) {
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == line.npos || line[first] == '#') {
      continue;
    }
    const std::string word = line.substr(first, line.find_first_of(" \t\r", first) - first);
    if (word != ".." && word.find('/') == word.npos) {
      versions.push_back(word);
    }
  }
  return versions;
}

std::string version_file(const std::string& root, const std::vector<std::string>& start_folders) {
  for (std::string folder : start_folders) {
    for (;; folder = folder_of(folder)) {
      std::string candidate = (folder == "/" ? "" : folder) + "/.python-version";
      if (is_regular_file(candidate)) {
        return candidate;
      }
      if (folder == "/" || folder == "." || folder.empty()) {
        break;
      }
    }
  }
  return root + "/version";
}

// Numbers of "3.12.1"; nothing for what has letters (an alpha, another implementation).
std::vector<long> numbers_of(const std::string& version) {
  std::vector<long> numbers;
  for (const std::string& part : split(version, '.')) {
    if (part.size() > 9 || part.find_first_not_of("0123456789") != part.npos) {
      return {};
    }
    numbers.push_back(strtol(part.c_str(), nullptr, 10));
  }
  return numbers;
}

// The installed version that `version` names: itself, without "python-", or the latest "3.12.*"
// for "3.12". Empty if there is none.
std::string installed_version(const std::string& root, const std::string& version) {
  constexpr std::string_view kPrefix = "python-";
  std::vector<std::string> spellings = {version};
  if (version.starts_with(kPrefix)) {
    spellings.push_back(version.substr(kPrefix.size()));
  }
  for (const std::string& spelling : spellings) {
    if (is_folder(root + "/versions/" + spelling)) {
      return spelling;
    }
  }
  for (const std::string& spelling : spellings) {
    std::string latest;
    std::vector<long> latest_numbers;
    for (const std::string& name : names_in(root + "/versions")) {
      const std::vector<long> numbers = numbers_of(name);
      if (name.starts_with(spelling + ".") && !numbers.empty() && numbers > latest_numbers) {
        latest = name;
        latest_numbers = numbers;
      }
    }
    if (!latest.empty()) {
      return latest;
    }
  }
  return "";
}

std::string join(const std::vector<std::string>& parts) {
  std::string joined;
  for (const std::string& part : parts) {
    joined += (joined.empty() ? "" : ":") + part;
  }
  return joined;
}

std::string path_without(const std::string& path, const std::string& folder) {
  std::vector<std::string> kept = split(path, ':');
  std::erase(kept, folder);
  return join(kept);
}

// What the `pyenv` script and the shells it runs in export on the way to the program.
void edit_environment(const std::string& root,
                      const std::string& current_folder,
                      const std::string& folder,
                      const std::string& versions,
                      const std::string& found,
                      Environment& environment) {
  std::string path = environment.get_or_empty("PATH");
  std::string hooks = environment.get_or_empty("PYENV_HOOK_PATH");
  hooks += ":" + root +
           "/pyenv.d:/usr/etc/pyenv.d:/usr/local/etc/pyenv.d:/etc/pyenv.d:"
           "/usr/lib/pyenv/hooks";
  for (const std::string& plugin : names_in(root + "/plugins")) {
    const std::string base = root + "/plugins/" + plugin;
    if (is_folder(base + "/bin")) {
      path = base + "/bin:" + path;
    }
    if (is_folder(base + "/etc/pyenv.d")) {
      hooks += ":" + base + "/etc/pyenv.d";
    }
  }
  path = root + "/libexec:" + path;
  if (found.starts_with(root)) {
    path = folder_of(found) + ":" + path;
  }
  environment.set("PATH", path);
  environment.set("PYENV_ROOT", root);
  environment.set("PYENV_DIR", folder);
  environment.set("PYENV_HOOK_PATH", hooks[0] == ':' ? hooks.substr(1) : hooks);
  environment.set("_PYENV_INSTALL_PREFIX", root);
  environment.set("PYENV_VERSION", versions);
  if (!environment.get("SHLVL")) {
    environment.set("SHLVL", "0");
  }
  if (!environment.get("PWD")) {
    environment.set("PWD", current_folder);
  }
  environment.unset("_");
}

}  // namespace

std::optional<std::string> pyenv_shim_root(const std::string& path) {
  if (name_of(folder_of(path)) != "shims" || !is_regular_file(path)) {
    return std::nullopt;
  }
  auto text = read_file(path, 8192);
  constexpr std::string_view kRoot = "export PYENV_ROOT=\"";
  if (!text || !text->starts_with("#!") || text->find("pyenv\" exec \"$program\"") == text->npos) {
    return std::nullopt;
  }
  const size_t begin = text->find(kRoot);
  if (begin == text->npos) {
    return std::nullopt;
  }
  const size_t end = text->find('"', begin + kRoot.size());
  std::string root = text->substr(begin + kRoot.size(), end - begin - kRoot.size());
  while (root.size() > 1 && root.back() == '/') {
    root.pop_back();
  }
  return root.empty() ? std::nullopt : std::optional<std::string>(root);
}

Result<std::string> resolve_pyenv_shim(const std::string& root,
                                       const std::string& command,
                                       const std::string& current_folder,
                                       Environment& environment) {
  std::string folder = environment.get_or_empty("PYENV_DIR");
  if (folder.empty()) {
    folder = current_folder;
  }
  std::string origin = "PYENV_VERSION";
  std::vector<std::string> wanted = split(environment.get_or_empty("PYENV_VERSION"), ':');
  if (wanted.empty()) {
    origin = version_file(root, {folder, current_folder});
    wanted = read_version_file(origin);
  }
  std::vector<std::string> installed;
  for (const std::string& version : wanted) {
    std::string name = version == "system" ? version : installed_version(root, version);
    installed.push_back(name.empty() ? version : name);
  }
  if (installed.empty()) {
    installed.emplace_back("system");
  }
  const std::string versions = join(installed);
  if (installed.back() != "system") {
    installed.emplace_back("system");
  }
  for (const std::string& version : installed) {
    const std::string found =
        version == "system"
            ? find_on_path(command, path_without(environment.get_or_empty("PATH"), root + "/shims"))
            : root + "/versions/" + version + "/bin/" + command;
    if (!found.empty() && is_executable_file(found)) {
      edit_environment(root, current_folder, folder, versions, found, environment);
      return found;
    }
  }
  return fail("cannot run " + command + ": pyenv is to use version " + join(wanted) + " (set by " +
              origin + "), which has no such command; pyenv versions lists what there is");
}

}  // namespace vtn::launcher
