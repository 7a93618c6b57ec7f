// SPDX-License-Identifier: Apache-2.0
//
// What an executable is, as far as the launcher must know before it starts it. All from its file;
// nothing is run.
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "abi/control_abi.h"
#include "base/result.h"
#include "launcher/target/elf_file.h"
#include "launcher/target/environment.h"

namespace vtn::launcher {

enum class ExecutableKind {
  kOther,          // no CPython, or not an ELF file at all
  kStaticPython,   // a CPython in one executable
  kSharedPython,   // a thin executable round libpython
  kPythonLibrary,  // libpython itself
};

struct Executable {
  ExecutableKind kind = ExecutableKind::kOther;
  bool is_elf = false;
  // Of a shared Python: its libpython, absolute; empty if it was not found where ld.so would look.
  std::string libpython;
  // 0x030b: 3.11. 0 where it is unknown.
  uint32_t python_version = 0;
  // VTN_UNTRACED_...: why nothing can be preloaded into it; NONE: it can.
  uint32_t untraced = VTN_UNTRACED_NONE;

  bool is_python() const { return kind != ExecutableKind::kOther; }
};

// An error where the file cannot be read or is damaged.
Result<Executable> examine_executable(const std::string& path, const Environment& environment);

// Where ld.so would find `soname` for `object` (at `object_path`): its RPATH, LD_LIBRARY_PATH, its
// RUNPATH, the cache, the default folders. Empty if nowhere.
std::string find_library(const std::string& soname,
                         const ElfFile& object,
                         const std::string& object_path,
                         const Environment& environment);

// The path of `soname` in the text of an ld.so.cache; empty if it is not there. Any bytes may come.
std::string find_in_loader_cache(std::string_view cache, std::string_view soname);

// A libpython of that version for a static interpreter: in ../lib beside it or where ld.so looks by
// default. Empty if there is none.
std::string find_libpython(uint32_t python_version,
                           const std::string& interpreter,
                           const Environment& environment);

// "3.11" -> 0x030b from "libpython3.11.so.1.0", "libpython3.13t.so"; 0 for other names.
uint32_t version_of_library_name(std::string_view name);

}  // namespace vtn::launcher
