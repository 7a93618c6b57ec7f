// SPDX-License-Identifier: Apache-2.0
#include "attach/elf_symbols.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mapping.h"
#include "tests/support/catch.h"

namespace vtn::attach {
namespace {

uint64_t own_address(const char* name) {
  return reinterpret_cast<uint64_t>(dlsym(RTLD_DEFAULT, name));
}

TEST_CASE("elf_symbols: what the C library exports lies where the dynamic linker finds it",
          "[attach]") {
  const auto objects = LoadedObjects::read(getpid());
  REQUIRE(objects.has_value());
  // None that a sanitizer stands in front of.
  for (const char* name :
       {"dlerror", "__errno_location", "memfd_create", "close", "environ", "getpid", "getppid"}) {
    INFO(name);
    const auto found = objects->find_in(is_libc_name, name);
    REQUIRE(found.has_value());
    CHECK(found->address == own_address(name));
    CHECK(found->has(found->address));
    CHECK_FALSE(found->has(found->address + found->size_bytes));
  }
}

TEST_CASE("elf_symbols: what is not exported, or only used, is not found", "[attach]") {
  const auto objects = LoadedObjects::read(getpid());
  REQUIRE(objects.has_value());
  CHECK_FALSE(objects->find("vtn_no_such_function").has_value());
  CHECK_FALSE(objects->find("").has_value());
  // This program asks for it, and the C library has it.
  const auto in_program =
      objects->find_in([](std::string_view name) { return name == "unit_attach"; }, "memfd_create");
  CHECK_FALSE(in_program.has_value());
}

TEST_CASE("elf_symbols: an address tells of the library that it lies in", "[attach]") {
  const auto objects = LoadedObjects::read(getpid());
  REQUIRE(objects.has_value());
  const LoadedObject* libc = objects->at(own_address("getpid"));
  REQUIRE(libc != nullptr);
  CHECK(is_libc_name(libc->file_name()));
  CHECK(objects->at(reinterpret_cast<uint64_t>(&libc)) == nullptr);
}

TEST_CASE("elf_symbols: a library that is merely read is not taken for one that is loaded",
          "[attach]") {
  Dl_info info = {};
  REQUIRE(dladdr(reinterpret_cast<void*>(own_address("getpid")), &info) != 0);
  const auto file = open_file(info.dli_fname, O_RDONLY);
  REQUIRE(file.has_value());
  const auto copy = Mapping::map(file->get(), 1 << 20, Mapping::Access::kRead);
  REQUIRE(copy.has_value());
  const auto objects = LoadedObjects::read(getpid());
  REQUIRE(objects.has_value());
  CHECK(objects->at(reinterpret_cast<uint64_t>(copy->data())) == nullptr);
  CHECK(objects->find_in(is_libc_name, "getpid")->address == own_address("getpid"));
}

TEST_CASE("elf_symbols: the names of C libraries and dynamic linkers", "[attach]") {
  for (const char* name : {"libc.so.6",
                           "libc-2.31.so",
                           "libdl.so.2",
                           "libpthread-2.31.so",
                           "ld-musl-x86_64.so.1",
                           "libc.musl-x86_64.so.1"}) {
    INFO(name);
    CHECK(is_libc_name(name));
  }
  for (const char* name : {"libcrypto.so.3", "libc++.so.1", "ld-linux-x86-64.so.2", "libdlib.so"}) {
    INFO(name);
    CHECK_FALSE(is_libc_name(name));
  }
  CHECK(is_linker_name("ld-linux-x86-64.so.2"));
  CHECK(is_linker_name("ld-2.31.so"));
  CHECK_FALSE(is_linker_name("libld.so"));
}

TEST_CASE("memory_map: a line is an area, and what makes no sense is left out", "[attach]") {
  const auto areas = parse_memory_map(
      "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/a file (deleted)\n"
      "nonsense\n"
      "00651000-00652000 rw-p 00000000 00:00 0 \n"
      "7ffc0000-7ffd0000 rw-p 00000000 00:00 0                          [stack]");
  REQUIRE(areas.size() == 3);
  CHECK(areas[0].begin == 0x400000);
  CHECK(areas[0].end == 0x452000);
  CHECK(areas[0].file_offset == 0x1000);
  CHECK((areas[0].readable && areas[0].executable && !areas[0].writable));
  CHECK(areas[0].path == "/usr/bin/a file (deleted)");
  CHECK(areas[1].path.empty());
  CHECK(areas[2].path == "[stack]");
  CHECK(area_at(areas, 0x451fff) == &areas[0]);
  CHECK(area_at(areas, 0x452000) == nullptr);
  CHECK(area_at(areas, 0x7ffd0000) == nullptr);
  CHECK(area_at(areas, 0) == nullptr);
}

TEST_CASE("remote_memory: text ends at its NUL, its limit, or the last page there is", "[attach]") {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* pages = static_cast<char*>(
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(pages != MAP_FAILED);
  REQUIRE(munmap(pages + page, page) == 0);
  char* end = pages + page;
  (void)memcpy(end - 4, "abc", 4);
  const RemoteMemory memory(getpid());
  const auto text = [&](char* at, size_t limit) {
    return memory.text(reinterpret_cast<uint64_t>(at), limit);
  };
  CHECK(text(end - 4, 100) == "abc");
  CHECK(text(end - 4, 2) == "ab");
  end[-1] = 'd';
  CHECK(text(end - 4, 100) == "abcd");
  CHECK(text(end, 100).empty());
  CHECK_FALSE(memory.get<int>(reinterpret_cast<uint64_t>(end)).has_value());
  REQUIRE(munmap(pages, page) == 0);
}

}  // namespace
}  // namespace vtn::attach
