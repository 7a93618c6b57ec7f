// SPDX-License-Identifier: Apache-2.0
//
// Programs of all kinds, as files, and what may be loaded into them: for those who look at files.
#pragma once

#include <string>
#include <vector>

#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "abi/control_abi.h"

namespace vtn::test {

inline constexpr char kGlibc[] = "/lib64/ld-linux-x86-64.so.2";

// An ELF file as far as the look goes.
struct Elf {
  std::string loader = kGlibc;  // empty: it is static
  std::vector<std::string> needed = {"libc.so.6"};
  std::string soname = {};
  uint16_t type = ET_DYN;
  uint16_t machine = EM_X86_64;
  unsigned char bits = ELFCLASS64;
  unsigned char order = ELFDATA2LSB;
  size_t padding = 0;  // before the dynamic section: it may lie behind what is read first

  std::string bytes() const {
    std::string strings(1, '\0');
    std::vector<Elf64_Dyn> dynamic;
    const auto add = [&](Elf64_Sxword tag, const std::string& text) {
      dynamic.push_back({tag, {strings.size()}});
      strings += text + '\0';
    };
    for (const std::string& library : needed) {
      add(DT_NEEDED, library);
    }
    if (!soname.empty()) {
      add(DT_SONAME, soname);
    }
    constexpr uint64_t kBase = 0x400000;
    const size_t segments_at = sizeof(Elf64_Ehdr);
    const size_t loader_at = segments_at + 4 * sizeof(Elf64_Phdr);
    const size_t strings_at = loader_at + loader.size() + 1 + padding;
    const size_t dynamic_at = (strings_at + strings.size() + 15) / 16 * 16;
    dynamic.push_back({DT_STRTAB, {kBase + strings_at}});
    dynamic.push_back({DT_NULL, {0}});
    const size_t dynamic_bytes = dynamic.size() * sizeof(Elf64_Dyn);
    std::string file(dynamic_at + dynamic_bytes, '\0');

    Elf64_Ehdr head = {};
    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = bits;
    head.e_ident[EI_DATA] = order;
    head.e_type = type;
    head.e_machine = machine;
    head.e_phoff = segments_at;
    head.e_phentsize = sizeof(Elf64_Phdr);
    std::vector<Elf64_Phdr> segments;
    segments.push_back({PT_LOAD, PF_R, 0, kBase, kBase, file.size(), file.size(), 4096});
    if (!loader.empty()) {
      segments.push_back(
          {PT_INTERP, PF_R, loader_at, 0, 0, loader.size() + 1, loader.size() + 1, 1});
    }
    segments.push_back({PT_DYNAMIC, PF_R, dynamic_at, 0, 0, dynamic_bytes, dynamic_bytes, 8});
    head.e_phnum = static_cast<uint16_t>(segments.size());
    memcpy(file.data(), &head, sizeof(head));
    memcpy(file.data() + segments_at, segments.data(), segments.size() * sizeof(Elf64_Phdr));
    memcpy(file.data() + loader_at, loader.c_str(), loader.size());
    memcpy(file.data() + strings_at, strings.data(), strings.size());
    memcpy(file.data() + dynamic_at, dynamic.data(), dynamic_bytes);
    return file;
  }
};

struct ElfKind {
  const char* what;
  Elf elf;
  uint32_t reason;  // VTN_UNTRACED_...
  int carries;      // our entry in the environment goes along
};

inline std::vector<ElfKind> elf_kinds() {
  return {
      {"glibc", {}, VTN_UNTRACED_NONE, 1},
      {"glibc, not position-independent", {.type = ET_EXEC}, VTN_UNTRACED_NONE, 1},
      {"musl", {.loader = "/lib/ld-musl-x86_64.so.1"}, VTN_UNTRACED_NONE, 1},
      {"far away", {.padding = 5000}, VTN_UNTRACED_NONE, 1},
      {"static", {.loader = "", .needed = {}, .type = ET_EXEC}, VTN_UNTRACED_STATIC, 1},
      {"static, position-independent", {.loader = "", .needed = {}}, VTN_UNTRACED_STATIC, 1},
      {"loader",
       {.loader = "", .needed = {}, .soname = "ld-linux-x86-64.so.2"},
       VTN_UNTRACED_LOADER,
       0},
      {"another loader", {.loader = "/lib/ld-other.so.1"}, VTN_UNTRACED_FOREIGN, 0},
      {"the loader of 32 bits", {.loader = "/lib/ld-linux.so.2"}, VTN_UNTRACED_FOREIGN, 0},
      {"32 bits", {.machine = EM_386, .bits = ELFCLASS32}, VTN_UNTRACED_FOREIGN, 0},
      {"x32", {.bits = ELFCLASS32}, VTN_UNTRACED_FOREIGN, 0},
      {"another processor", {.machine = EM_AARCH64}, VTN_UNTRACED_FOREIGN, 0},
      {"the other byte order", {.order = ELFDATA2MSB}, VTN_UNTRACED_FOREIGN, 0},
      {"asan", {.needed = {"libc.so.6", "libasan.so.8"}}, VTN_UNTRACED_SANITIZER, 0},
      {"asan by path", {.needed = {"/opt/lib/libasan.so.6"}}, VTN_UNTRACED_SANITIZER, 0},
      {"asan, far away", {.needed = {"libasan.so.8"}, .padding = 5000}, VTN_UNTRACED_SANITIZER, 0},
      {"ubsan", {.needed = {"libubsan.so.1"}}, VTN_UNTRACED_NONE, 1},
      {"of many libraries",
       {.needed = std::vector<std::string>(60, "libx.so")},
       VTN_UNTRACED_NONE,
       1},
  };
}

}  // namespace vtn::test
