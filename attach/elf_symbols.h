// SPDX-License-Identifier: Apache-2.0
//
// Where a function lies in another process. What a program and its libraries export is in their
// memory, for their own dynamic linker to find: it is read from there, and no file is. So it does
// not matter whether the files are in another root, or have been replaced since.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>
#include <sys/types.h>

#include "attach/memory_map.h"
#include "attach/remote_memory.h"
#include "base/result.h"

namespace vtn::attach {

struct Symbol {
  uint64_t address = 0;
  uint64_t size_bytes = 0;

  bool has(uint64_t at) const { return at >= address && at - address < size_bytes; }
};

// A program, or a library that it has loaded. 64-bit ELF of this machine's byte order.
class LoadedObject {
 public:
  // Nothing: what begins there is not loaded as a program is, or exports nothing.
  static std::optional<LoadedObject> at(const RemoteMemory& memory,
                                        const std::vector<MappedArea>& areas,
                                        const MappedArea& first);

  // A function or a variable that it defines and exports.
  std::optional<Symbol> find(std::string_view name) const;

  bool has(uint64_t address) const { return address >= begin_ && address < end_; }
  const std::string& path() const { return path_; }
  std::string file_name() const;

 private:
  struct Entry {  // an Elf64_Sym
    uint32_t name;
    uint8_t info;
    uint8_t other;
    uint16_t section;
    uint64_t value;
    uint64_t size_bytes;
  };

  explicit LoadedObject(const RemoteMemory& memory) : memory_(memory) {}
  bool read_tables(uint64_t dynamic, uint64_t dynamic_bytes);
  // The entry's symbol, if it is of this name and defined.
  std::optional<Symbol> entry_named(uint32_t index, std::string_view name) const;
  std::optional<Symbol> find_by_gnu_hash(std::string_view name) const;
  std::optional<Symbol> find_one_by_one(std::string_view name) const;

  RemoteMemory memory_;
  std::string path_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  uint64_t bias_ = 0;  // what is added to the file's addresses
  uint64_t symbols_ = 0;
  uint64_t names_ = 0;
  uint64_t names_bytes_ = 0;
  uint64_t gnu_hash_ = 0;  // 0: none
  uint64_t hash_ = 0;      // 0: none
};

class LoadedObjects {
 public:
  static Result<LoadedObjects> read(pid_t pid);

  // The first definition in the order of addresses, which is the program's own before a library's.
  std::optional<Symbol> find(std::string_view name) const;
  // The first one of those objects whose file name `is_wanted` takes.
  std::optional<Symbol> find_in(const std::function<bool(std::string_view)>& is_wanted,
                                std::string_view name) const;
  // Null: none lies there.
  const LoadedObject* at(uint64_t address) const;
  const std::vector<MappedArea>& areas() const { return areas_; }

 private:
  std::vector<MappedArea> areas_;
  std::vector<LoadedObject> objects_;
};

// Of files that hold the C library, or parts of it that were files of their own: glibc and musl.
bool is_libc_name(std::string_view file_name);
// Of the dynamic linker; musl's is its C library as well.
bool is_linker_name(std::string_view file_name);

}  // namespace vtn::attach
