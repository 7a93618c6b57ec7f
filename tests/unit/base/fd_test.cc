// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mapping.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST_CASE("fd: a descriptor is closed with its owner, once", "[fd]") {
  int number = -1;
  {
    auto fd = open_file("/dev/null", O_RDONLY);
    REQUIRE(fd);
    number = fd->get();
    UniqueFd other = std::move(*fd);
    CHECK(!*fd);
    CHECK(other.get() == number);
    CHECK(is_open(number));
  }
  CHECK(!is_open(number));
}

TEST_CASE("fd: closing keeps errno", "[fd]") {
  UniqueFd wrong(1'000'000);  // close fails with EBADF
  errno = ERANGE;
  wrong.reset();
  CHECK(errno == ERANGE);
}

TEST_CASE("fd: a free standard descriptor is not taken", "[fd]") {
  const int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
  (void)close(STDIN_FILENO);
  auto fd = open_file("/dev/null", O_RDONLY);
  auto pipe = make_pipe();
  const bool still_free = !is_open(STDIN_FILENO);
  if (saved >= 0) {
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
  }
  REQUIRE(fd);
  REQUIRE(pipe);
  CHECK(still_free);
  for (const int number : {fd->get(), pipe->read_end.get(), pipe->write_end.get()}) {
    CHECK(number > 2);
    CHECK((fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("fd: an error of open names the file", "[fd]") {
  const auto fd = open_file("/nowhere/at/all", O_RDONLY);
  REQUIRE(!fd);
  CHECK(fd.error().code == ENOENT);
  CHECK(fd.error().message.find("/nowhere/at/all") != std::string::npos);
}

TEST_CASE("mapping: what one mapping writes another reads", "[mapping]") {
  const TemporaryFolder folder;
  auto fd = open_file(folder.file("shared"), O_RDWR | O_CREAT);
  REQUIRE(fd);
  REQUIRE(ftruncate(fd->get(), 4096) == 0);
  auto writer = Mapping::map(fd->get(), 4096, Mapping::Access::kReadWrite);
  auto reader = Mapping::map(fd->get(), 4096, Mapping::Access::kRead);
  REQUIRE(writer);
  REQUIRE(reader);
  static_cast<char*>(writer->data())[7] = 'x';
  CHECK(reader->bytes()[7] == 'x');
  Mapping moved = std::move(*writer);
  CHECK(!*writer);
  CHECK(moved.size() == 4096);
}

TEST_CASE("mapping: nothing to map is an empty mapping", "[mapping]") {
  const auto nothing = Mapping::map(-1, 0, Mapping::Access::kRead);
  REQUIRE(nothing);
  CHECK(nothing->bytes().empty());
  CHECK(!Mapping::map(-1, 4096, Mapping::Access::kRead));
}

}  // namespace
}  // namespace vtn
