// SPDX-License-Identifier: Apache-2.0
#include "attach/elf_symbols.h"

#include <algorithm>

#include <elf.h>
#include <string.h>

#include "base/file.h"

namespace vtn::attach {

namespace {

// Bounds on what a damaged or hostile process may have us read.
constexpr uint32_t kMaxHeaders = 64;
constexpr uint32_t kMaxDynamic = 512;
constexpr uint32_t kMaxChain = 100'000;
constexpr uint32_t kMaxSymbols = 1'000'000;
constexpr uint64_t kPage = 4096;

uint32_t gnu_hash_of(std::string_view name) {
  uint32_t hash = 5381;
  for (const char byte : name) {
    hash = hash * 33 + static_cast<unsigned char>(byte);
  }
  return hash;
}

// The first of several files that begin with this, as "libc.so.6" and "libc-2.31.so" do.
bool is_library(std::string_view file_name, std::string_view stem) {
  return file_name.starts_with(stem) && file_name.size() > stem.size() &&
         (file_name[stem.size()] == '.' || file_name[stem.size()] == '-');
}

}  // namespace

bool is_libc_name(std::string_view file_name) {
  return is_library(file_name, "libc") || is_library(file_name, "libdl") ||
         is_library(file_name, "libpthread") || file_name.starts_with("ld-musl-");
}

bool is_linker_name(std::string_view file_name) {
  return file_name.starts_with("ld-") || file_name.starts_with("ld.so") ||
         file_name.starts_with("ld64.so");
}

std::string LoadedObject::file_name() const { return name_of(path_); }

std::optional<LoadedObject> LoadedObject::at(const RemoteMemory& memory,
                                             const std::vector<MappedArea>& areas,
                                             const MappedArea& first) {
  const auto header = memory.get<Elf64_Ehdr>(first.begin);
  if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(Elf64_Phdr) ||
      header->e_phnum > kMaxHeaders) {
    return {};
  }
  std::vector<Elf64_Phdr> segments(header->e_phnum);
  if (!memory.read(
          first.begin + header->e_phoff, segments.data(), segments.size() * sizeof(segments[0]))) {
    return {};
  }
  const auto loaded = std::find_if(segments.begin(), segments.end(), [](const Elf64_Phdr& segment) {
    return segment.p_type == PT_LOAD;
  });
  if (loaded == segments.end() || loaded->p_offset >= kPage) {
    return {};
  }
  LoadedObject object(memory);
  object.path_ = first.path;
  object.begin_ = first.begin;
  object.bias_ = first.begin - loaded->p_vaddr / kPage * kPage;
  uint64_t dynamic = 0;
  uint64_t dynamic_bytes = 0;
  for (const Elf64_Phdr& segment : segments) {
    const uint64_t address = object.bias_ + segment.p_vaddr;
    if (segment.p_type == PT_DYNAMIC) {
      dynamic = address;
      dynamic_bytes = segment.p_memsz;
    } else if (segment.p_type == PT_LOAD) {
      object.end_ = std::max(object.end_, address + segment.p_memsz);
      // A file that is merely being read has no code where code would be.
      const MappedArea* area = area_at(areas, address);
      if (area == nullptr || ((segment.p_flags & PF_X) != 0 && !area->executable)) {
        return {};
      }
    }
  }
  if (dynamic == 0 || !object.read_tables(dynamic, dynamic_bytes)) {
    return {};
  }
  return object;
}

bool LoadedObject::read_tables(uint64_t dynamic, uint64_t dynamic_bytes) {
  std::vector<Elf64_Dyn> entries(
      std::min<uint64_t>(dynamic_bytes / sizeof(Elf64_Dyn), kMaxDynamic));
  if (!memory_.read(dynamic, entries.data(), entries.size() * sizeof(entries[0]))) {
    return false;
  }
  // glibc has made addresses of them, musl leaves them as they are in the file.
  const auto address_of = [&](uint64_t value) { return value < begin_ ? bias_ + value : value; };
  for (const Elf64_Dyn& entry : entries) {
    switch (entry.d_tag) {
      case DT_NULL:
        return symbols_ != 0 && names_ != 0;
      case DT_SYMTAB:
        symbols_ = address_of(entry.d_un.d_ptr);
        break;
      case DT_STRTAB:
        names_ = address_of(entry.d_un.d_ptr);
        break;
      case DT_STRSZ:
        names_bytes_ = entry.d_un.d_val;
        break;
      case DT_GNU_HASH:
        gnu_hash_ = address_of(entry.d_un.d_ptr);
        break;
      case DT_HASH:
        hash_ = address_of(entry.d_un.d_ptr);
        break;
      default:
        break;
    }
  }
  return symbols_ != 0 && names_ != 0;
}

std::optional<Symbol> LoadedObject::entry_named(uint32_t index, std::string_view name) const {
  static_assert(sizeof(Entry) == sizeof(Elf64_Sym));
  const auto entry = memory_.get<Entry>(symbols_ + uint64_t{index} * sizeof(Entry));
  if (!entry || entry->section == SHN_UNDEF || entry->name + name.size() >= names_bytes_) {
    return {};
  }
  // An indirect function's address is that of its resolver.
  const uint8_t type = ELF64_ST_TYPE(entry->info);
  if ((type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE) ||
      memory_.text(names_ + entry->name, name.size() + 1) != name) {
    return {};
  }
  return Symbol{bias_ + entry->value, entry->size_bytes};
}

std::optional<Symbol> LoadedObject::find_by_gnu_hash(std::string_view name) const {
  struct Header {
    uint32_t buckets;
    uint32_t first_symbol;
    uint32_t bloom_words;
    uint32_t bloom_shift;
  };
  const auto header = memory_.get<Header>(gnu_hash_);
  if (!header || header->buckets == 0) {
    return {};
  }
  const uint64_t buckets = gnu_hash_ + sizeof(Header) + uint64_t{header->bloom_words} * 8;
  const uint64_t chains = buckets + uint64_t{header->buckets} * 4;
  const uint32_t hash = gnu_hash_of(name);
  const uint32_t begin =
      memory_.get<uint32_t>(buckets + uint64_t{hash % header->buckets} * 4).value_or(0);
  if (begin < header->first_symbol) {
    return {};
  }
  for (uint32_t index = begin; index - begin < kMaxChain; ++index) {
    const auto chain = memory_.get<uint32_t>(chains + uint64_t{index - header->first_symbol} * 4);
    if (!chain) {
      break;
    }
    // Its lowest bit marks the end of the chain.
    if ((*chain | 1) == (hash | 1)) {
      if (const auto found = entry_named(index, name)) {
        return found;
      }
    }
    if ((*chain & 1) != 0) {
      break;
    }
  }
  return {};
}

std::optional<Symbol> LoadedObject::find_one_by_one(std::string_view name) const {
  // The second word of the old table is the number of symbols.
  const uint32_t count = std::min(memory_.get<uint32_t>(hash_ + 4).value_or(0), kMaxSymbols);
  for (uint32_t index = 1; index < count; ++index) {
    if (const auto found = entry_named(index, name)) {
      return found;
    }
  }
  return {};
}

std::optional<Symbol> LoadedObject::find(std::string_view name) const {
  if (gnu_hash_ != 0) {
    return find_by_gnu_hash(name);
  }
  return hash_ != 0 ? find_one_by_one(name) : std::nullopt;
}

Result<LoadedObjects> LoadedObjects::read(pid_t pid) {
  LoadedObjects loaded;
  VTN_ASSIGN(loaded.areas_, read_memory_map(pid));
  const RemoteMemory memory(pid);
  for (const MappedArea& area : loaded.areas_) {
    if (area.file_offset != 0 || !area.readable || !area.path.starts_with('/')) {
      continue;
    }
    if (auto object = LoadedObject::at(memory, loaded.areas_, area)) {
      loaded.objects_.push_back(std::move(*object));
    }
  }
  return loaded;
}

std::optional<Symbol> LoadedObjects::find(std::string_view name) const {
  return find_in([](std::string_view) { return true; }, name);
}

std::optional<Symbol> LoadedObjects::find_in(const std::function<bool(std::string_view)>& is_wanted,
                                             std::string_view name) const {
  for (const LoadedObject& object : objects_) {
    if (is_wanted(object.file_name())) {
      if (const auto found = object.find(name)) {
        return found;
      }
    }
  }
  return {};
}

const LoadedObject* LoadedObjects::at(uint64_t address) const {
  const auto found = std::find_if(objects_.begin(),
                                  objects_.end(),
                                  [&](const LoadedObject& object) { return object.has(address); });
  return found != objects_.end() ? &*found : nullptr;
}

}  // namespace vtn::attach
