// SPDX-License-Identifier: Apache-2.0
#include "launcher/recordings.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "collector/program_end.h"
#include "importer/import.h"

namespace vtn::launcher {

Result<std::unique_ptr<spool::Reader>> open_recording(const std::string& path,
                                                      const std::string& folder,
                                                      bool partial) {
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  if (!importer::can_import(fd.get())) {
    return spool::Reader::open(std::move(fd), path);
  }
  log_info("%s is imported first", path.c_str());
  VTN_ASSIGN(importer::Imported imported,
             importer::import_file(std::move(fd), {path, folder, VTN_VERSION, partial, [] {
                                                     return !is_pending(collector::kGiveUpSignal);
                                                   }}));
  for (const std::string& remark : imported.remarks) {
    log_info("%s: %s", name_of(path).c_str(), remark.c_str());
  }
  return std::move(imported.recording);
}

bool needs_import(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return false;
  }
  const auto fd = open_file(path, O_RDONLY);
  return fd && importer::can_import(fd->get());
}

}  // namespace vtn::launcher
