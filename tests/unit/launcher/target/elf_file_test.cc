// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/elf_file.h"

#include <algorithm>
#include <random>

#include <elf.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

// Asks for everything there is to ask.
size_t ask_all(const std::string& path) {
  auto file = launcher::ElfFile::open(path);
  if (!file) {
    return 0;
  }
  return file->needed().size() + file->rpath().size() + file->runpath().size() +
         file->soname().size() + (file->exports("Py_BytesMain") ? 1u : 0u) +
         (file->imports("Py_BytesMain") ? 1u : 0u) +
         (file->read_data("Py_Version").has_value() ? 1u : 0u) + file->interpreter().size();
}

std::string own_bytes() { return *read_file("/proc/self/exe", 1u << 30); }

TEST_CASE("elf: an executable is read as it is", "[elf]") {
  auto file = launcher::ElfFile::open("/proc/self/exe");
  REQUIRE(file);
  CHECK(file->machine() == launcher::ElfFile::Machine::kNative);
  CHECK(file->is_executable());
  CHECK(file->interpreter() == "/lib64/ld-linux-x86-64.so.2");
  CHECK(std::count(file->needed().begin(), file->needed().end(), "libc.so.6") == 1);
  CHECK(file->imports("flock"));
  CHECK(!file->imports("no_such_symbol"));
  CHECK(!file->exports("no_such_symbol"));
}

TEST_CASE("elf: a library exports what it defines", "[elf]") {
  auto file = launcher::ElfFile::open("/lib/x86_64-linux-gnu/libc.so.6");
  REQUIRE(file);
  CHECK(file->soname() == "libc.so.6");
  CHECK(file->exports("malloc"));
  CHECK(file->exports("qsort"));
  CHECK(!file->exports("Py_BytesMain"));
}

TEST_CASE("elf: other files are no ELF files, and no error", "[elf]") {
  const TemporaryFolder folder;
  for (const std::string& text : {std::string(),
                                  std::string("#!/bin/sh\n"),
                                  std::string("\x7f"
                                              "EL")}) {
    auto file = launcher::ElfFile::open(folder.write("file", text));
    REQUIRE(file);
    CHECK(file->machine() == launcher::ElfFile::Machine::kNotElf);
    CHECK(!file->exports("x"));
  }
  CHECK(launcher::ElfFile::open("/dev/zero")->machine() == launcher::ElfFile::Machine::kNotElf);
  CHECK(launcher::ElfFile::open("/nowhere").error().code == ENOENT);
}

TEST_CASE("elf: another machine's file is known as such", "[elf]") {
  const TemporaryFolder folder;
  std::string bytes = own_bytes().substr(0, 4096);
  bytes[EI_CLASS] = ELFCLASS32;
  CHECK(launcher::ElfFile::open(folder.write("32", bytes))->machine() ==
        launcher::ElfFile::Machine::kOtherMachine);
  bytes[EI_CLASS] = ELFCLASS64;
  bytes[18] = static_cast<char>(EM_AARCH64);
  CHECK(launcher::ElfFile::open(folder.write("arm", bytes))->machine() ==
        launcher::ElfFile::Machine::kOtherMachine);
}

TEST_CASE("elf: a file cut anywhere is refused or read, never trusted", "[elf]") {
  const TemporaryFolder folder;
  const std::string bytes = own_bytes();
  size_t refused = 0;
  for (size_t length = 1; length < bytes.size(); length = length * 5 / 4 + 1) {
    const std::string path = folder.write("cut", bytes.substr(0, length));
    refused += launcher::ElfFile::open(path) ? 0 : 1;
    (void)ask_all(path);
  }
  CHECK(refused > 10);
}

TEST_CASE("elf: damaged tables end in an answer", "[elf]") {
  const TemporaryFolder folder;
  const std::string bytes = own_bytes().substr(0, 1u << 16);
  std::mt19937 random(7);
  size_t asked = 0;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 40; ++i) {
      // Mostly where the headers and the dynamic tables are.
      const size_t at = random() % (i % 2 == 0 ? 1024 : damaged.size());
      damaged[at < 20 ? at + 20 : at] = static_cast<char>(random());
    }
    (void)ask_all(folder.write("damaged", damaged));
    ++asked;
  }
  CHECK(asked == 300);
}

}  // namespace
}  // namespace vtn
