// SPDX-License-Identifier: Apache-2.0
//
// Ownership of file descriptors. Every descriptor of ours is close-on-exec and at least 3, so that
// one opened while stdin, stdout or stderr is closed is never taken for it.
#pragma once

#include <string>
#include <utility>

#include <sys/types.h>

#include "base/result.h"

namespace vtn {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset(std::exchange(other.fd_, -1));
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  // Closes what is held, keeping errno.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC, retried on EINTR. The error names the path.
Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0600);

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};
Result<Pipe> make_pipe();

// Gives a fresh descriptor a number of at least 3, close-on-exec. Closes the one it was.
Result<UniqueFd> above_standard(UniqueFd fd);

}  // namespace vtn
