// SPDX-License-Identifier: Apache-2.0
#include "launcher/nested.h"

#include <dlfcn.h>

#include "session/session.h"

namespace vtn::launcher {

namespace {

void append(std::string& list, const std::string& word) {
  list += (list.empty() ? "" : ", ") + word;
}

}  // namespace

std::string outer_session() {
  using FolderFunction = const char* (*)();
  // Of the preload library, if that is in this process.
  const auto folder = reinterpret_cast<FolderFunction>(dlsym(RTLD_DEFAULT, "vtn_session_folder"));
  const char* path = folder != nullptr ? folder() : nullptr;
  return path != nullptr && path[0] != '\0' && session::session_is_live(path) ? path : "";
}

std::string joined_line(const Options& options) {
  std::string idle;
  for (const std::string& file : options.output_files) {
    append(idle, "-o " + file);
  }
  const struct {
    bool given;
    const char* name;
  } others[] = {
      {options.unique_output_file, "--unique_output_file"},
      {!options.output_dir.empty(), "--output_dir"},
      {options.host == HostChoice::kEmbed, "--host embed"},
      {options.ignore_c_function, "--ignore_c_function"},
      {options.keep_raw, "--keep_raw"},
      {options.python_only, "--processes python"},
      {!options.excluded_processes.empty(), "--exclude_process"},
      {options.ignore_multiprocess, "--ignore_multiprocess"},
      {options.wait_children_ms >= 0, "--wait_children"},
  };
  for (const auto& other : others) {
    if (other.given) {
      append(idle, other.name);
    }
  }
  return "recorded by the outer run, in its report" +
         (idle.empty() ? std::string() : "; without effect here: " + idle);
}

}  // namespace vtn::launcher
