// SPDX-License-Identifier: Apache-2.0
#include "report/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace vtn::report {

Result<OutputFile> OutputFile::create(const std::string& path) {
  OutputFile output;
  output.path_ = path;
  if (path == kStandardOutput) {
    output.fd_ = UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    return output.fd_ ? Result<OutputFile>(std::move(output))
                      : Result<OutputFile>(fail_errno("cannot write to stdout"));
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    if (S_ISDIR(info.st_mode)) {
      return fail(fmt::format("cannot write {}: it is a folder", path));
    }
    VTN_ASSIGN(output.fd_, open_file(path, O_WRONLY));
    return output;
  }
  VTN_ASSIGN(output.atomic_, AtomicFile::create(path));
  return output;
}

Status OutputFile::append(std::string_view bytes) {
  VTN_TRY(write_at(bytes, size_));
  size_ += bytes.size();
  return {};
}

Status OutputFile::write_at(std::string_view bytes, uint64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t got = seekable()
                            ? pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset))
                            : write(fd(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return fail_errno(fmt::format("cannot write {}", path_), got == 0 ? ENOSPC : errno);
    }
    bytes.remove_prefix(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

Status OutputFile::commit() {
  if (atomic_) {
    return atomic_->commit();
  }
  fd_.reset();
  return {};
}

}  // namespace vtn::report
