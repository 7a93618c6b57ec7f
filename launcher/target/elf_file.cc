// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/elf_file.h"

#include <algorithm>

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kMostSegments = 128;
constexpr uint64_t kMostDynamicEntries = 4096;
constexpr uint64_t kLongestString = 4096;
constexpr uint32_t kMostImports = 4096;       // looked at: thin executables have a dozen
constexpr uint32_t kLongestChain = 1u << 20;  // of a hash table: a loop in a damaged one ends

}  // namespace

Result<ElfFile> ElfFile::open(const std::string& path) {
  ElfFile file;
  VTN_TRY(file.parse(path));
  return file;
}

bool ElfFile::is_executable() const {
  return type_ == ET_EXEC || (type_ == ET_DYN && !interpreter_.empty());
}

Status ElfFile::parse(const std::string& path) {
  // Not blocking: opening a FIFO must not wait for its writer.
  VTN_ASSIGN(fd_, open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(fd_.get(), &info) != 0) {
    return fail_errno("cannot read " + path);
  }
  if (!S_ISREG(info.st_mode)) {
    return {};
  }
  file_bytes_ = static_cast<uint64_t>(info.st_size);
  Elf64_Ehdr header;
  VTN_ASSIGN(const size_t got, pread_all(fd_.get(), &header, sizeof(header), 0));
  if (got < EI_NIDENT || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return {};
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    machine_ = Machine::kOtherMachine;
    return {};
  }
  const auto damaged = [&path](const char* what) {
    return fail("cannot read " + path + ": a damaged ELF file (" + what + ")");
  };
  if (got < sizeof(header)) {
    return damaged("header cut short");
  }
  if (header.e_machine != EM_X86_64) {
    machine_ = Machine::kOtherMachine;
    return {};
  }
  machine_ = Machine::kNative;
  type_ = header.e_type;
  if (header.e_phnum == 0) {
    return {};
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMostSegments ||
      header.e_phoff > file_bytes_) {
    return damaged("program headers");
  }
  std::vector<Elf64_Phdr> table(header.e_phnum);
  const size_t table_bytes = table.size() * sizeof(Elf64_Phdr);
  VTN_ASSIGN(const size_t table_got,
             pread_all(fd_.get(), table.data(), table_bytes, header.e_phoff));
  if (table_got < table_bytes) {
    return damaged("program headers cut short");
  }
  for (const Elf64_Phdr& segment : table) {
    if (segment.p_type == PT_LOAD) {
      segments_.push_back({segment.p_vaddr, segment.p_offset, segment.p_filesz});
    }
  }
  for (const Elf64_Phdr& segment : table) {
    if (segment.p_offset > file_bytes_ || segment.p_filesz > file_bytes_ - segment.p_offset) {
      if (segment.p_type == PT_DYNAMIC || segment.p_type == PT_INTERP) {
        return damaged("cut short");
      }
      continue;
    }
    if (segment.p_type == PT_INTERP) {
      std::string text(std::min(segment.p_filesz, kLongestString), '\0');
      VTN_TRY(pread_all(fd_.get(), text.data(), text.size(), segment.p_offset));
      interpreter_ = text.c_str();
    } else if (segment.p_type == PT_DYNAMIC) {
      if (!read_dynamic(segment.p_offset, segment.p_filesz)) {
        return damaged("dynamic section");
      }
    }
  }
  return {};
}

Status ElfFile::read_dynamic(uint64_t offset, uint64_t bytes) {
  std::vector<Elf64_Dyn> entries(std::min(bytes / sizeof(Elf64_Dyn), kMostDynamicEntries));
  const size_t wanted = entries.size() * sizeof(Elf64_Dyn);
  VTN_ASSIGN(const size_t got, pread_all(fd_.get(), entries.data(), wanted, offset));
  if (got < wanted) {
    return fail("cut short");
  }
  uint64_t soname = 0;
  uint64_t rpath = 0;
  uint64_t runpath = 0;
  std::vector<uint64_t> needed;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL) {
      break;
    }
    switch (entry.d_tag) {
      case DT_NEEDED:
        needed.push_back(entry.d_un.d_val);
        break;
      case DT_SONAME:
        soname = entry.d_un.d_val;
        break;
      case DT_RPATH:
        rpath = entry.d_un.d_val;
        break;
      case DT_RUNPATH:
        runpath = entry.d_un.d_val;
        break;
      case DT_STRTAB:
        strings_ = entry.d_un.d_ptr;
        break;
      case DT_STRSZ:
        strings_bytes_ = entry.d_un.d_val;
        break;
      case DT_SYMTAB:
        symbols_ = entry.d_un.d_ptr;
        break;
      case DT_GNU_HASH:
        gnu_hash_ = entry.d_un.d_ptr;
        break;
      case DT_HASH:
        sysv_hash_ = entry.d_un.d_ptr;
        break;
      default:
        break;
    }
  }
  for (const uint64_t name : needed) {
    needed_.push_back(string_at(name));
  }
  // Offset 0 of a string table is the empty string, so absent and empty read alike.
  soname_ = string_at(soname);
  rpath_ = string_at(rpath);
  runpath_ = string_at(runpath);
  return {};
}

bool ElfFile::read_at(uint64_t address, void* to, uint64_t bytes) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.file_bytes) {
      continue;
    }
    const uint64_t into = address - segment.address;
    if (bytes > segment.file_bytes - into || segment.offset > file_bytes_ ||
        into > file_bytes_ - segment.offset) {
      return false;
    }
    auto got = pread_all(fd_.get(), to, bytes, segment.offset + into);
    return got && *got == bytes;
  }
  return false;
}

std::string ElfFile::string_at(uint64_t string_offset) const {
  if (string_offset == 0 || string_offset >= strings_bytes_) {
    return "";
  }
  std::string text;
  char block[128];
  while (text.size() < kLongestString && string_offset < strings_bytes_) {
    const uint64_t want = std::min<uint64_t>(sizeof(block), strings_bytes_ - string_offset);
    if (!read_at(strings_ + string_offset, block, want)) {
      return "";
    }
    const size_t length = strnlen(block, want);
    text.append(block, length);
    if (length < want) {
      return text;
    }
    string_offset += want;
  }
  return "";  // not ended: no name at all
}

std::optional<ElfFile::Symbol> ElfFile::match(uint64_t index, std::string_view name) const {
  Elf64_Sym symbol;
  if (!read_at(symbols_ + index * sizeof(Elf64_Sym), symbol) || symbol.st_shndx == SHN_UNDEF ||
      string_at(symbol.st_name) != name) {
    return std::nullopt;
  }
  return Symbol{symbol.st_value, symbol.st_size};
}

std::optional<ElfFile::Symbol> ElfFile::find_gnu(std::string_view name) const {
  struct {
    uint32_t buckets;
    uint32_t first_symbol;
    uint32_t bloom_words;
    uint32_t bloom_shift;
  } head;
  if (!read_at(gnu_hash_, head) || head.buckets == 0) {
    return std::nullopt;
  }
  uint32_t hash = 5381;
  for (const char letter : name) {
    hash = hash * 33 + static_cast<unsigned char>(letter);
  }
  const uint64_t buckets = gnu_hash_ + sizeof(head) + uint64_t{head.bloom_words} * 8;
  const uint64_t chains = buckets + uint64_t{head.buckets} * 4;
  uint32_t index = 0;
  if (!read_at(buckets + uint64_t{hash % head.buckets} * 4, index) || index < head.first_symbol) {
    return std::nullopt;
  }
  for (uint32_t steps = 0; steps < kLongestChain; ++steps, ++index) {
    uint32_t link = 0;
    if (!read_at(chains + uint64_t{index - head.first_symbol} * 4, link)) {
      return std::nullopt;
    }
    if ((link | 1) == (hash | 1)) {
      if (auto symbol = match(index, name)) {
        return symbol;
      }
    }
    if ((link & 1) != 0) {
      break;
    }
  }
  return std::nullopt;
}

std::optional<ElfFile::Symbol> ElfFile::find_sysv(std::string_view name) const {
  struct {
    uint32_t buckets;
    uint32_t chains;
  } head;
  if (!read_at(sysv_hash_, head) || head.buckets == 0) {
    return std::nullopt;
  }
  uint32_t hash = 0;
  for (const char letter : name) {
    hash = (hash << 4) + static_cast<unsigned char>(letter);
    hash = (hash ^ ((hash & 0xf000'0000) >> 24)) & 0x0fff'ffff;
  }
  const uint64_t buckets = sysv_hash_ + sizeof(head);
  const uint64_t chains = buckets + uint64_t{head.buckets} * 4;
  uint32_t index = 0;
  if (!read_at(buckets + uint64_t{hash % head.buckets} * 4, index)) {
    return std::nullopt;
  }
  for (uint32_t steps = 0; index != 0 && index < head.chains && steps < kLongestChain; ++steps) {
    if (auto symbol = match(index, name)) {
      return symbol;
    }
    if (!read_at(chains + uint64_t{index} * 4, index)) {
      break;
    }
  }
  return std::nullopt;
}

std::optional<ElfFile::Symbol> ElfFile::find(std::string_view name) const {
  if (symbols_ == 0 || strings_ == 0) {
    return std::nullopt;
  }
  if (gnu_hash_ != 0) {
    return find_gnu(name);
  }
  return sysv_hash_ != 0 ? find_sysv(name) : std::nullopt;
}

bool ElfFile::exports(std::string_view name) const { return find(name).has_value(); }

bool ElfFile::imports(std::string_view name) const {
  // Undefined symbols stand before those in the GNU hash table; the old table counts them all.
  uint32_t words[2] = {0, 0};
  const uint64_t table = gnu_hash_ != 0 ? gnu_hash_ : sysv_hash_;
  if (symbols_ == 0 || table == 0 || !read_at(table, words)) {
    return false;
  }
  for (uint32_t index = 1; index < std::min(words[1], kMostImports); ++index) {
    Elf64_Sym symbol;
    if (!read_at(symbols_ + index * sizeof(symbol), symbol)) {
      return false;
    }
    if (symbol.st_shndx == SHN_UNDEF && string_at(symbol.st_name) == name) {
      return true;
    }
  }
  return false;
}

std::optional<uint64_t> ElfFile::read_data(std::string_view name) const {
  const auto symbol = find(name);
  uint64_t value = 0;
  if (!symbol || symbol->bytes < sizeof(value) || !read_at(symbol->address, value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace vtn::launcher
