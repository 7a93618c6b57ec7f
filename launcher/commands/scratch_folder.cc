// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/scratch_folder.h"

#include <utility>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

namespace vtn::launcher {

namespace {

constexpr int kMostRounds = 100;  // others may make one more while we take away

void remove_files(const std::string& folder) {
  DIR* const listing = opendir(folder.c_str());
  if (listing == nullptr) {
    return;
  }
  while (const dirent* const entry = readdir(listing)) {
    (void)unlink((folder + "/" + entry->d_name).c_str());
  }
  (void)closedir(listing);
}

}  // namespace

Result<ScratchFolder> ScratchFolder::make() {
  std::string path = temporary_folder() + "/viztracer-native-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    return fail_errno("cannot make a folder in " + temporary_folder());
  }
  return ScratchFolder(std::move(path));
}

void ScratchFolder::remove() {
  if (is_there_ == nullptr || !is_there_->exchange(false)) {
    return;
  }
  for (int round = 0; round < kMostRounds; ++round) {
    remove_files(path_);
    if (rmdir(path_.c_str()) == 0 || errno == ENOENT) {
      return;
    }
  }
}

}  // namespace vtn::launcher
