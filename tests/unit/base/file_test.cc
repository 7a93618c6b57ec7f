// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

size_t files_in(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    (void)entry;
    ++count;
  }
  return count;
}

mode_t mode_of(const std::string& path) {
  struct stat info;
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

TEST_CASE("file: a file is read whole, up to the limit", "[file]") {
  const TemporaryFolder folder;
  const std::string text(100'000, 'y');
  const std::string path = folder.write("text", text);
  CHECK((read_file(path) == text));  // in brackets: not to be printed
  CHECK((read_file(path, 100'000) == text));
  CHECK(read_file(path, 99'999).error().code == EFBIG);
  CHECK(read_file(folder.write("empty", "")) == "");
  CHECK(read_file(folder.path()).error().code == EISDIR);
  CHECK((read_file("/proc/self/cmdline")->find("unit_base") != std::string::npos));
}

TEST_CASE("file: reading stops at the end, not before", "[file]") {
  auto pipe = make_pipe();
  REQUIRE(pipe);
  REQUIRE(write_all(pipe->write_end.get(), "ab"));
  REQUIRE(write_all(pipe->write_end.get(), "cd"));
  pipe->write_end.reset();
  char bytes[8] = {};
  CHECK(read_all(pipe->read_end.get(), bytes, sizeof(bytes)) == 4);
  CHECK(std::string(bytes) == "abcd");
}

TEST_CASE("file: writing to what cannot be written says so", "[file]") {
  CHECK(write_all(-1, "x").error().code == EBADF);
  CHECK(write_all(-1, ""));
}

TEST_CASE("file: folders are made with those above them", "[file]") {
  const TemporaryFolder folder;
  CHECK(make_folders(folder.file("a/b/c")));
  CHECK(std::filesystem::is_directory(folder.file("a/b/c")));
  CHECK(make_folders(folder.file("a/b/c")));
  CHECK(make_folders(folder.file("a/b/d/")));
  const std::string path = folder.write("plain", "");
  CHECK(make_folders(path).error().code == ENOTDIR);
  CHECK(make_folders(path + "/below").error().code == ENOTDIR);
}

TEST_CASE("file: paths come apart as the shell's dirname and basename do", "[file]") {
  CHECK(folder_of("/a/b") == "/a");
  CHECK(folder_of("/a") == "/");
  CHECK(folder_of("a") == ".");
  CHECK(folder_of("a/b/") == "a");
  CHECK(folder_of("/") == "/");
  CHECK(name_of("/a/b") == "b");
  CHECK(name_of("b") == "b");
  CHECK(name_of("a/b/") == "b");
  CHECK(absolute_path("/x") == "/x");
  CHECK(absolute_path("x") == std::filesystem::current_path().string() + "/x");
}

TEST_CASE("atomic file: the target changes only when it is committed", "[file]") {
  const TemporaryFolder folder;
  const std::string path = folder.write("out", "old", 0640);
  {
    auto file = AtomicFile::create(path);
    REQUIRE(file);
    REQUIRE(write_all(file->fd(), "new"));
    CHECK(read_file(path) == "old");
    CHECK(files_in(folder.path()) == 2);
    // Not as a spool is called: those of killed runs are looked for, and recovered.
    CHECK(name_of(file->temporary_path()).starts_with(".out.part-"));
    REQUIRE(file->commit());
    CHECK(!file->commit());
  }
  CHECK(read_file(path) == "new");
  CHECK(mode_of(path) == 0640);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("atomic file: what is not committed leaves nothing", "[file]") {
  const TemporaryFolder folder;
  {
    auto file = AtomicFile::create(folder.file("out"));
    REQUIRE(file);
    AtomicFile moved = std::move(*file);
    REQUIRE(write_all(moved.fd(), "half"));
  }
  CHECK(files_in(folder.path()) == 0);
  CHECK(AtomicFile::create(folder.file("missing/out")).error().code == ENOENT);
}

TEST_CASE("atomic file: a new file gets the mode that the umask leaves", "[file]") {
  const TemporaryFolder folder;
  const mode_t saved = umask(027);
  auto file = AtomicFile::create(folder.file("out"));
  (void)umask(saved);
  REQUIRE(file);
  REQUIRE(file->commit());
  CHECK(mode_of(folder.file("out")) == 0640);
}

}  // namespace
}  // namespace vtn
