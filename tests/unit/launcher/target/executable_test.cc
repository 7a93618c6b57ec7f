// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/executable.h"

#include <filesystem>
#include <regex>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/elf_programs.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

namespace fs = std::filesystem;

struct FoundPython {
  std::string path;
  uint32_t version;
};

// The real interpreters of this machine: /usr/bin/python3.N and pyenv's.
std::vector<FoundPython> real_pythons() {
  std::vector<FoundPython> found;
  std::error_code ignored;
  const std::regex name("python3\\.([0-9]+)");
  std::smatch match;
  std::vector<fs::path> folders = {"/usr/bin"};
  const char* home = getenv("HOME");
  const fs::path versions = fs::path(home != nullptr ? home : "/") / ".pyenv/versions";
  for (const auto& entry : fs::directory_iterator(versions, ignored)) {
    folders.push_back(entry.path() / "bin");
  }
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string file = entry.path().filename().string();
      if (std::regex_match(file, match, name)) {
        found.push_back({entry.path().string(), 0x0300u | static_cast<uint32_t>(stoul(match[1]))});
      }
    }
  }
  return found;
}

TEST_CASE("image: the real interpreters are what they are", "[image]") {
  for (const FoundPython& python : real_pythons()) {
    INFO(python.path);
    const auto image = launcher::examine_executable(python.path, launcher::Environment());
    REQUIRE(image);
    CHECK(image->is_python());
    CHECK(image->python_version == python.version);
    CHECK(image->untraced == VTN_UNTRACED_NONE);
    if (image->kind == launcher::ExecutableKind::kSharedPython) {
      REQUIRE(!image->libpython.empty());
      const auto library = launcher::examine_executable(image->libpython, launcher::Environment());
      REQUIRE(library);
      if (python.version >= 0x0308) {
        CHECK(library->kind == launcher::ExecutableKind::kPythonLibrary);
        CHECK(library->python_version == python.version);
      }
    }
  }
}

TEST_CASE("image: a libpython for a static interpreter is of its version", "[image]") {
  for (const FoundPython& python : real_pythons()) {
    INFO(python.path);
    const std::string library =
        launcher::find_libpython(python.version, python.path, launcher::Environment());
    if (!library.empty()) {
      CHECK(launcher::version_of_library_name(library.substr(library.rfind('/') + 1)) ==
            python.version);
    }
  }
  CHECK(launcher::find_libpython(0x0363, "/bin/sh", launcher::Environment()).empty());
}

TEST_CASE("image: other programs are no Python, and can be preloaded", "[image]") {
  const auto shell = launcher::examine_executable("/bin/sh", launcher::Environment());
  REQUIRE(shell);
  CHECK(shell->is_elf);
  CHECK(!shell->is_python());
  CHECK(shell->untraced == VTN_UNTRACED_NONE);
  const auto library =
      launcher::examine_executable("/lib/x86_64-linux-gnu/libc.so.6", launcher::Environment());
  REQUIRE(library);
  CHECK(!library->is_python());
  CHECK(!launcher::examine_executable("/nowhere", launcher::Environment()));
  CHECK(!launcher::examine_executable("/etc/passwd", launcher::Environment())->is_elf);
}

TEST_CASE("image: what can be preloaded into it is as the shim has it", "[image]") {
  const TemporaryFolder folder;
  for (const test::ElfKind& kind : test::elf_kinds()) {
    INFO(kind.what);
    const std::string path = folder.write("program", kind.elf.bytes(), 0755);
    const auto image = launcher::examine_executable(path, launcher::Environment());
    REQUIRE(image);
    CHECK(image->untraced == kind.reason);
    if (geteuid() == 0 && kind.reason == VTN_UNTRACED_NONE) {  // who can give files away
      REQUIRE(chown(path.c_str(), 65534, 65534) == 0);
      REQUIRE(chmod(path.c_str(), 04755) == 0);
      CHECK(launcher::examine_executable(path, launcher::Environment())->untraced ==
            VTN_UNTRACED_SETUID);
    }
  }
  // ldconfig is static on every Debian.
  const auto real = launcher::examine_executable("/sbin/ldconfig", launcher::Environment());
  if (real && real->is_elf) {
    CHECK(real->untraced == VTN_UNTRACED_STATIC);
  }
  const auto loader =
      launcher::examine_executable("/lib64/ld-linux-x86-64.so.2", launcher::Environment());
  if (loader) {
    CHECK(loader->untraced == VTN_UNTRACED_LOADER);
  }
}

TEST_CASE("image: versions are read from library names", "[image]") {
  CHECK(launcher::version_of_library_name("libpython3.11.so.1.0") == 0x030b);
  CHECK(launcher::version_of_library_name("libpython3.13t.so.1.0") == 0x030d);
  CHECK(launcher::version_of_library_name("libpython3.9.so") == 0x0309);
  CHECK(launcher::version_of_library_name("libpython2.7.so.1.0") == 0x0207);
  for (const char* name : {"libpython3.so",
                           "libpython.so",
                           "libpython3",
                           "libpython3.",
                           "libc.so.6",
                           "libpython3.9999.so",
                           "libpython3.11",
                           "libboost_python311.so",
                           ""}) {
    INFO(name);
    CHECK(launcher::version_of_library_name(name) == 0);
  }
}

// A cache as ldconfig writes it: head, rows, strings. Offsets count from the head.
std::string loader_cache(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string strings;
  std::string table;
  const uint32_t strings_at = static_cast<uint32_t>(48 + rows.size() * 24);
  for (const auto& [key, value] : rows) {
    const uint32_t row[6] = {0x0303,
                             strings_at + static_cast<uint32_t>(strings.size()),
                             strings_at + static_cast<uint32_t>(strings.size() + key.size() + 1),
                             0,
                             0,
                             0};
    table.append(reinterpret_cast<const char*>(row), sizeof(row));
    strings += key + '\0' + value + '\0';
  }
  std::string head = "glibc-ld.so.cache1.1";
  const uint32_t numbers[7] = {
      static_cast<uint32_t>(rows.size()), static_cast<uint32_t>(strings.size()), 0, 0, 0, 0, 0};
  head.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  return head + table + strings;
}

TEST_CASE("image: the loader's cache is looked up", "[image]") {
  const std::string cache =
      loader_cache({{"libb.so.1", "/x/libb.so.1"}, {"liba.so", "/y/liba.so"}});
  CHECK(launcher::find_in_loader_cache(cache, "liba.so") == "/y/liba.so");
  CHECK(launcher::find_in_loader_cache(cache, "libb.so.1") == "/x/libb.so.1");
  CHECK(launcher::find_in_loader_cache("old format before it" + cache, "liba.so") == "/y/liba.so");
  CHECK(launcher::find_in_loader_cache(cache, "libc.so").empty());
  CHECK(launcher::find_in_loader_cache("", "liba.so").empty());
}

TEST_CASE("image: a loader's cache that is cut or damaged finds nothing wrong", "[image]") {
  const std::string cache =
      loader_cache({{"libb.so.1", "/x/libb.so.1"}, {"liba.so", "/y/liba.so"}});
  for (size_t length = 0; length < cache.size(); ++length) {
    const std::string found = launcher::find_in_loader_cache(cache.substr(0, length), "liba.so");
    CHECK((found.empty() || found == "/y/liba.so"));
  }
  std::string damaged = cache;
  memset(damaged.data() + 20, 0xff, 4);  // the count
  CHECK(launcher::find_in_loader_cache(damaged, "liba.so") == "/y/liba.so");
  memset(damaged.data() + 48, 0x7f, 48);  // the rows
  CHECK(launcher::find_in_loader_cache(damaged, "liba.so").empty());
}

}  // namespace
}  // namespace vtn
