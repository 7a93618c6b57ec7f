// SPDX-License-Identifier: Apache-2.0
//
// Reads what the launcher wants to know of an executable or library: its interpreter, what it
// needs, where it looks, which symbols it exports. The file may be anything at all: every offset
// and count in it is checked against the file, and reads are by pread, so a file that changes
// meanwhile does no harm. x86-64 only: others open as kOtherMachine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/fd.h"
#include "base/result.h"

namespace vtn::launcher {

class ElfFile {
 public:
  enum class Machine { kNotElf, kOtherMachine, kNative };

  // An error only where the file cannot be read or is a damaged ELF file; a file that is no ELF
  // file at all opens, with machine() == kNotElf and nothing in it.
  static Result<ElfFile> open(const std::string& path);

  Machine machine() const { return machine_; }
  bool is_executable() const;  // ET_EXEC, or ET_DYN with an interpreter
  const std::string& interpreter() const { return interpreter_; }  // PT_INTERP
  const std::string& soname() const { return soname_; }
  const std::vector<std::string>& needed() const { return needed_; }
  const std::string& rpath() const { return rpath_; }      // DT_RPATH, unexpanded
  const std::string& runpath() const { return runpath_; }  // DT_RUNPATH, unexpanded

  // Whether the dynamic symbol table defines `name`. By the GNU hash table, else the old one.
  bool exports(std::string_view name) const;
  // Whether it wants `name` from another object.
  bool imports(std::string_view name) const;
  uint64_t file_bytes() const { return file_bytes_; }
  // The first 8 bytes of a defined data object (a constant: what the file holds is what it is).
  std::optional<uint64_t> read_data(std::string_view name) const;

 private:
  struct Segment {
    uint64_t address;
    uint64_t offset;
    uint64_t file_bytes;
  };
  struct Symbol {
    uint64_t address;
    uint64_t bytes;
  };

  ElfFile() = default;
  Status parse(const std::string& path);
  Status read_dynamic(uint64_t offset, uint64_t bytes);
  // Reads `bytes` at a virtual address, within one segment's file contents.
  bool read_at(uint64_t address, void* to, uint64_t bytes) const;
  template <class T>
  bool read_at(uint64_t address, T& to) const {
    return read_at(address, &to, sizeof(T));
  }
  std::string string_at(uint64_t string_offset) const;
  std::optional<Symbol> find(std::string_view name) const;
  std::optional<Symbol> find_gnu(std::string_view name) const;
  std::optional<Symbol> find_sysv(std::string_view name) const;
  std::optional<Symbol> match(uint64_t index, std::string_view name) const;

  UniqueFd fd_;
  uint64_t file_bytes_ = 0;
  Machine machine_ = Machine::kNotElf;
  uint16_t type_ = 0;
  std::vector<Segment> segments_;
  std::string interpreter_;
  std::string soname_;
  std::string rpath_;
  std::string runpath_;
  std::vector<std::string> needed_;
  uint64_t strings_ = 0;  // address
  uint64_t strings_bytes_ = 0;
  uint64_t symbols_ = 0;   // address
  uint64_t gnu_hash_ = 0;  // address, or 0
  uint64_t sysv_hash_ = 0;
};

}  // namespace vtn::launcher
