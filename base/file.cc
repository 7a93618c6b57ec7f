// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <utility>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vtn {

namespace {

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

Result<std::string> read_file(const std::string& path, uint64_t limit_bytes) {
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  std::string contents;
  char block[16384];
  for (;;) {
    auto count = read_all(fd.get(), block, sizeof(block));
    if (!count) {
      return fail_errno("cannot read " + path, count.error().code);
    }
    if (contents.size() + *count > limit_bytes) {
      return fail("cannot read " + path + ": it is too long", EFBIG);
    }
    contents.append(block, *count);
    if (*count < sizeof(block)) {
      return contents;
    }
  }
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail_errno("cannot write");
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Result<size_t> read_all(int fd, void* to, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count = read(fd, static_cast<char*>(to) + done, bytes - done);
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail_errno("cannot read");
    }
    if (count == 0) {
      break;
    }
    done += static_cast<size_t>(count);
  }
  return done;
}

Result<size_t> pread_all(int fd, void* to, size_t bytes, uint64_t offset) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count =
        pread(fd, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail_errno("cannot read");
    }
    if (count == 0) {
      break;
    }
    done += static_cast<size_t>(count);
  }
  return done;
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat info = {};
  struct stat other_info = {};
  return stat(one.c_str(), &info) == 0 && stat(other.c_str(), &other_info) == 0 &&
         is_same(info, other_info);
}

bool is_same_file(int fd, const std::string& path) {
  struct stat info = {};
  struct stat named = {};
  return fstat(fd, &info) == 0 && stat(path.c_str(), &named) == 0 && is_same(info, named);
}

Status make_folders(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0) {
    return {};
  }
  if (errno == ENOENT) {
    const std::string parent = folder_of(path);
    if (parent != path) {
      VTN_TRY(make_folders(parent, mode));
      if (mkdir(path.c_str(), mode) == 0) {
        return {};
      }
    }
  }
  const int code = errno;
  struct stat info;
  if (code == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return {};
  }
  return fail_errno("cannot create the folder " + path, code == EEXIST ? ENOTDIR : code);
}

std::string folder_of(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return ".";
  }
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string name_of(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

Result<std::string> absolute_path(const std::string& path) {
  if (!path.empty() && path[0] == '/') {
    return path;
  }
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof(folder)) == nullptr) {
    return fail_errno("cannot find out the current folder");
  }
  std::string result(folder);
  if (result != "/") {
    result += '/';
  }
  return result + path;
}

std::string temporary_folder() {
  const char* const folder = getenv("TMPDIR");
  return folder != nullptr && folder[0] == '/' ? folder : "/tmp";
}

Result<UniqueFd> unnamed_file(const std::string& folder) {
  const char* const temporary = getenv("TMPDIR");
  for (const std::string& place :
       {folder, std::string(temporary != nullptr ? temporary : "/var/tmp"), std::string("/tmp")}) {
    if (auto made = open_file(place, O_TMPFILE | O_RDWR, 0600)) {
      return made;
    }
    std::string name = place + "/.viztracer-native-XXXXXX";
    if (UniqueFd fd(mkostemp(name.data(), O_CLOEXEC)); fd) {
      (void)unlink(name.c_str());
      return above_standard(std::move(fd));
    }
  }
  return fail_errno("cannot make a temporary file in " + folder);
}

AtomicFile::AtomicFile(std::string path, std::string temporary_path, UniqueFd fd)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(std::move(fd)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, std::string())),
      fd_(std::move(other.fd_)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this != &other) {
    discard();
    path_ = std::move(other.path_);
    temporary_path_ = std::exchange(other.temporary_path_, std::string());
    fd_ = std::move(other.fd_);
  }
  return *this;
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  std::string temporary = folder_of(path) + "/." + name_of(path) + ".part-XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return fail_errno("cannot write beside " + path);
  }
  struct stat info;
  mode_t mode = 0;
  if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
    mode = info.st_mode & 0777;
  } else {
    const mode_t mask = umask(0);
    (void)umask(mask);
    mode = 0666 & ~mask;
  }
  (void)fchmod(fd.get(), mode);
  auto moved = above_standard(std::move(fd));
  if (!moved) {
    (void)unlink(temporary.c_str());
    return tl::unexpected<Error>(std::move(moved).error());
  }
  return AtomicFile(path, std::move(temporary), std::move(*moved));
}

Status AtomicFile::commit() {
  if (temporary_path_.empty()) {
    return fail("cannot finish " + path_ + ": it was finished already");
  }
  if (close(fd_.release()) != 0 && errno != EINTR) {
    const int code = errno;
    discard();
    return fail_errno("cannot write " + path_, code);
  }
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const int code = errno;
    discard();
    return fail_errno("cannot replace " + path_, code);
  }
  temporary_path_.clear();
  return {};
}

void AtomicFile::discard() {
  fd_.reset();
  if (!temporary_path_.empty()) {
    (void)unlink(temporary_path_.c_str());
    temporary_path_.clear();
  }
}

}  // namespace vtn
