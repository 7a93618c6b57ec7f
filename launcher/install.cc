// SPDX-License-Identifier: Apache-2.0
#include "launcher/install.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/session_abi.h"
#include "base/file.h"

namespace vtn::launcher {

namespace {

constexpr char kShimFileName[] = "libvtn_shim.so";
constexpr char kEmbedHostFileName[] = "vtn-embed-host";

bool readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

Result<std::string> own_folder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0 || length == static_cast<ssize_t>(sizeof(path))) {
    return fail_errno("cannot find the launcher's own file in /proc/self/exe");
  }
  return folder_of(std::string_view(path, static_cast<size_t>(length)));
}

}  // namespace

Result<InstalledFiles> find_installed_files() {
  VTN_ASSIGN(const std::string folder, own_folder());
  const std::string candidates[] = {
      folder,
      folder_of(folder) + "/" VTN_LIBDIR "/viztracer-native",
      folder_of(folder) + "/lib/viztracer-native",
  };
  for (const std::string& candidate : candidates) {
    InstalledFiles files;
    files.shim = candidate + "/" + kShimFileName;
    if (!readable(files.shim) || !readable(candidate + "/" + kRuntimeFileName)) {
      continue;
    }
    if (readable(candidate + "/" + kInstalledEntryName)) {
      files.entry = candidate + "/" + kInstalledEntryName;
    }
    const std::string host = candidate + "/" + kEmbedHostFileName;
    if (access(host.c_str(), X_OK) == 0) {
      files.embed_host = host;
    }
    return files;
  }
  return fail(std::string(kShimFileName) + " and " + kRuntimeFileName +
              " are missing: neither in " + candidates[1] +
              " nor beside the launcher; install viztracer-native again");
}

}  // namespace vtn::launcher
