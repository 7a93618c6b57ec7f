// SPDX-License-Identifier: Apache-2.0
#include "launcher/recordings.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "collector/program_end.h"
#include "importer/import.h"
#include "report/formats.h"
#include "spool/format.h"

namespace vtn::launcher {

namespace {

constexpr std::string_view kCompressedByVizTracer = ".cvf";

}  // namespace

Result<std::unique_ptr<spool::Reader>> open_recording(const std::string& path,
                                                      const std::string& folder,
                                                      bool partial) {
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  if (path.ends_with(kCompressedByVizTracer)) {
    return fail(fmt::format(
        "cannot read {}: it is VizTracer's own; viztracer --decompress {} -o FILE.json makes a "
        "report of it that can be read",
        path,
        path));
  }
  if (importer::can_import(fd.get())) {
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
  VTN_ASSIGN(auto reader, spool::Reader::open(std::move(fd), path));
  if (!partial && !reader->closed() && !spool::is_being_recorded(path)) {
    return fail(
        fmt::format("{} is cut short at offset {}; viztracer-native --recover {} -o OUT "
                    "makes a report of what is there",
                    path,
                    reader->end_offset(),
                    path));
  }
  return reader;
}

bool needs_import(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return false;
  }
  const auto fd = open_file(path, O_RDONLY);
  return fd && importer::can_import(fd->get());
}

bool names_recording(const std::string& word) {
  if (word.ends_with(report::spool_format().extension)) {
    return true;
  }
  struct stat info = {};
  if (stat(word.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return false;
  }
  uint64_t magic = 0;
  const auto fd = open_file(word, O_RDONLY);
  return fd && pread_all(fd->get(), &magic, sizeof(magic), 0).value_or(0) == sizeof(magic) &&
         (magic == spool::kSpoolMagic || importer::can_import(fd->get()));
}

}  // namespace vtn::launcher
