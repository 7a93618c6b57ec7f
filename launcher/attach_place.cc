// SPDX-License-Identifier: Apache-2.0
#include "launcher/attach_place.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/session_abi.h"
#include "base/file.h"

namespace vtn::launcher {

AttachPlace find_attach_place(pid_t pid, const InstalledFiles& files) {
  AttachPlace place;
  const std::string process = "/proc/" + std::to_string(pid);
  struct stat info = {};
  place.for_everybody = stat(process.c_str(), &info) == 0 && info.st_uid != geteuid();
  const std::string root = process + "/root";
  const std::string runtime = folder_of(files.shim) + "/" + kRuntimeFileName;
  const auto is_seen = [&](const std::string& path) { return is_same_file(path, root + path); };
  if (is_seen("/dev/shm") && is_seen(files.shim) && is_seen(runtime)) {
    return place;
  }
  // The collector, which is another program, comes to the folder by the same path.
  place.root_fd =
      UniqueFd(open(root.c_str(), O_PATH | O_DIRECTORY));  // NOLINT(android-cloexec-open)
  if (place.root_fd) {
    place.root = "/proc/self/fd/" + std::to_string(place.root_fd.get());
  }
  return place;
}

}  // namespace vtn::launcher
