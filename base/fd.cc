// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace vtn {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) {
    const int saved = errno;
    (void)close(fd_);
    errno = saved;
  }
  fd_ = fd;
}

Result<UniqueFd> above_standard(UniqueFd fd) {
  if (fd.get() > 2) {
    return fd;
  }
  UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!moved) {
    return fail_errno("cannot duplicate a file descriptor");
  }
  return moved;
}

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    return fail_errno("cannot open " + path);
  }
  return above_standard(UniqueFd(fd));
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return fail_errno("cannot create a pipe");
  }
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  Pipe result;
  VTN_ASSIGN(result.read_end, above_standard(std::move(read_end)));
  VTN_ASSIGN(result.write_end, above_standard(std::move(write_end)));
  return result;
}

}  // namespace vtn
