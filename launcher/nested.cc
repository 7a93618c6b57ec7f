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

std::string joined_line(const Request& request) {
  std::string idle;
  for (const GivenOption& option : request.given) {
    if (option.scope != Scope::kCommand) {
      append(idle,
             std::string(option.off ? "--no_" : "--") + option.name +
                 (option.value.empty() ? "" : " " + option.value));
    }
  }
  // The target is executed in this process, so there is no host.
  if (request.launch.host == HostChoice::kEmbed) {
    append(idle, "--host embed");
  }
  return "recorded by the outer run, in its report" +
         (idle.empty() ? std::string() : "; without effect here: " + idle);
}

}  // namespace vtn::launcher
