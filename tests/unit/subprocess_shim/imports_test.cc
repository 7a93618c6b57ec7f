// SPDX-License-Identifier: Apache-2.0
//
// The slots by which libraries call others: found, turned and turned back, however they are linked.
#include <array>
#include <fstream>
#include <string>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/catch.h"

extern "C" {
#include "subprocess_shim/imports.h"
}

namespace vtn::test {
namespace {

constexpr int kOurs = -4711;
constexpr int kOursByAddress = -4712;
extern "C" int vtn_test_instead(void) { return kOurs; }
extern "C" int vtn_test_address_instead(void) { return kOursByAddress; }

void* instead() { return reinterpret_cast<void*>(vtn_test_instead); }
void* address_instead() { return reinterpret_cast<void*>(vtn_test_address_instead); }
void* real(const char* name = "getppid") { return vtn_find_defined(name, 0); }

using Call = int (*)();
using Address = Call (*)();

struct Library {
  explicit Library(const char* variable) {
    REQUIRE(getenv(variable) != nullptr);
    path = getenv(variable);
    handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
    REQUIRE(handle != nullptr);
    call = reinterpret_cast<Call>(dlsym(handle, "call_getppid"));
    address = reinterpret_cast<Address>(dlsym(handle, "address_of_getpgrp"));
    REQUIRE(call != nullptr);
    REQUIRE(address != nullptr);
  }
  ~Library() { dlclose(handle); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  int turn(bool there) const {
    struct Visit {
      std::string path;
      std::array<vtn_turn, 2> turns;
      int result;
    } visit = {path, {}, -1};
    for (size_t i = 0; i < 2; ++i) {
      const char* name = i == 0 ? "getppid" : "getpgrp";
      void* ours = i == 0 ? instead() : address_instead();
      visit.turns[i] =
          there ? vtn_turn{name, real(name), ours, 1} : vtn_turn{name, ours, real(name), 0};
    }
    vtn_visit_objects(
        [](vtn_object* object, size_t, void* data) {
          auto* of = static_cast<Visit*>(data);
          if (object->name != nullptr && of->path == object->name) {
            of->result = vtn_turn_imports(object, of->turns.data(), 2);
          }
          return 0;
        },
        &visit);
    return visit.result;
  }

  // How the library's pages are mapped.
  std::string protections() const {
    std::ifstream maps("/proc/self/maps");
    std::string found;
    for (std::string line; std::getline(maps, line);) {
      if (line.find(path) != std::string::npos) {
        found += line + "\n";
      }
    }
    return found;
  }

  std::string path;
  void* handle;
  Call call;
  Address address;
};

TEST_CASE("imports: a function is found where it is defined", "[imports]") {
  CHECK(real() == dlsym(RTLD_DEFAULT, "getppid"));
  // Of two by one name, the one that is not for old programs alone.
  CHECK(vtn_find_defined("posix_spawn", 0) == dlsym(RTLD_DEFAULT, "posix_spawn"));
  CHECK(vtn_find_defined("no_such_function", 0) == nullptr);
}

TEST_CASE("imports: slots lead to us and back again, however a library is linked", "[imports]") {
  for (const char* variable : {"VTN_CALLS_LAZY", "VTN_CALLS_NOW", "VTN_CALLS_NO_PLT"}) {
    for (const bool called_before : {false, true}) {
      INFO(variable << (called_before ? ", called before" : ""));
      const Library library(variable);
      if (called_before) {
        REQUIRE(library.call() == getppid());
      }
      const std::string before = library.protections();
      for (int round = 0; round < 3; ++round) {
        CHECK(library.turn(true) == 1);
        CHECK(library.call() == kOurs);
        CHECK(library.address()() == kOursByAddress);
        CHECK(library.protections() == before);
        CHECK(library.turn(true) == 1);  // it is so already
        CHECK(library.call() == kOurs);
        CHECK(library.turn(false) == 1);
        CHECK(library.call() == getppid());
        CHECK(reinterpret_cast<void*>(library.address()) == real("getpgrp"));
        CHECK(library.protections() == before);
      }
    }
  }
}

TEST_CASE("imports: a slot that leads to somebody else stays", "[imports]") {
  const Library library("VTN_CALLS_NOW");
  CHECK(library.turn(false) == 1);
  CHECK(library.call() == getppid());
}

// An object as it is in memory while the loader is at it: with one slot, for `getppid`.
struct Image {
  Elf64_Dyn dynamic[7] = {};
  Elf64_Sym symbols[2] = {};
  char strings[16] = "\0getppid";
  Elf64_Rela relocation = {};
  uint64_t slot = 0;
};

int turn_image(uint64_t value, uint32_t type, bool weak, uint64_t* slot) {
  static Image image;
  image = {};
  const auto address = [](const auto& part) { return reinterpret_cast<uint64_t>(&part); };
  const uint64_t base = address(image);
  Elf64_Phdr segments[2] = {};
  segments[0].p_type = PT_LOAD;
  segments[0].p_memsz = sizeof(image);
  segments[1].p_type = PT_DYNAMIC;
  segments[1].p_vaddr = offsetof(Image, dynamic);
  const bool called = type == R_X86_64_JUMP_SLOT;
  const std::array<std::pair<int64_t, uint64_t>, 6> entries = {
      {{DT_SYMTAB, address(image.symbols)},
       {DT_STRTAB, address(image.strings)},
       {called ? DT_JMPREL : DT_RELA, address(image.relocation)},
       {called ? DT_PLTRELSZ : DT_RELASZ, sizeof(image.relocation)},
       {called ? DT_PLTREL : DT_RELAENT, called ? DT_RELA : sizeof(image.relocation)},
       {DT_NULL, 0}}};
  for (size_t i = 0; i < entries.size(); ++i) {
    image.dynamic[i].d_tag = entries[i].first;
    image.dynamic[i].d_un.d_val = entries[i].second;
  }
  image.symbols[1].st_name = 1;
  image.symbols[1].st_info = ELF64_ST_INFO(weak ? STB_WEAK : STB_GLOBAL, STT_FUNC);
  image.relocation.r_offset = offsetof(Image, slot);
  image.relocation.r_info = ELF64_R_INFO(1, type);
  image.slot = value;
  const vtn_object object = {base, "image", segments, 2, 1};
  const vtn_turn turn = {"getppid", real(), instead(), 1};
  const int result = vtn_turn_imports(&object, &turn, 1);
  *slot = image.slot;
  return result;
}

TEST_CASE("imports: an object that is being loaded is left to the loader", "[imports]") {
  const auto ours = reinterpret_cast<uint64_t>(instead());
  uint64_t slot = 0;
  // Not filled in, and not even moved to where the object lies.
  CHECK(turn_image(0, R_X86_64_GLOB_DAT, false, &slot) == 0);
  CHECK(slot == 0);
  CHECK(turn_image(0x20, R_X86_64_JUMP_SLOT, false, &slot) == 0);
  CHECK(slot == 0x20);
  // Weak, and nobody has it.
  CHECK(turn_image(0, R_X86_64_GLOB_DAT, true, &slot) == 1);
  CHECK(slot == 0);
  CHECK(turn_image(reinterpret_cast<uint64_t>(real()), R_X86_64_GLOB_DAT, false, &slot) == 1);
  CHECK(slot == ours);
  // Data of the object's, of another kind: none of our business.
  CHECK(turn_image(reinterpret_cast<uint64_t>(real()), R_X86_64_64, false, &slot) == 1);
  CHECK(slot == reinterpret_cast<uint64_t>(real()));
}

}  // namespace
}  // namespace vtn::test
