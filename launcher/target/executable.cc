// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/executable.h"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "launcher/target/versions.h"
#include "subprocess_shim/program_file.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kLongestLoaderCache = 32u << 20;

std::string real_path(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  std::string result = real != nullptr ? real : path;
  free(real);
  return result;
}

bool replace_all(std::string& text, std::string_view from, const std::string& to) {
  bool found = false;
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
    found = true;
  }
  return found;
}

std::string search(const std::string& folders, const std::string& origin, const std::string& name) {
  std::string_view rest = folders;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find_first_of(":;"), rest.size());
    std::string folder(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    replace_all(folder, "${ORIGIN}", origin);
    replace_all(folder, "$ORIGIN", origin);
    std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    auto file = is_regular_file(candidate) ? ElfFile::open(candidate) : fail("no such file");
    if (file && file->machine() == ElfFile::Machine::kNative) {
      return candidate;
    }
  }
  return "";
}

// The version of an object that defines the C API.
uint32_t version_of_exports(const ElfFile& file) {
  if (const auto version = file.read_data(kVersionConstant)) {
    return static_cast<uint32_t>(*version >> 16) & 0xffff;
  }
  for (const auto& sign : kVersionSigns) {
    if (file.exports(sign.symbol)) {
      return sign.since;
    }
  }
  return kFirstWithBytesMain;
}

// Not just any program that embeds Python: what is replaced by our host must do nothing but call
// the library's main function.
bool is_thin(const ElfFile& file) {
  constexpr uint64_t kThinBytes = 256 * 1024;  // with debug sections; 14 to 70 KiB are usual
  return file.file_bytes() <= kThinBytes && file.imports("Py_BytesMain");
}

bool defines_cpython(const ElfFile& file) {
  return file.exports("Py_BytesMain") && file.exports("PySys_AddAuditHook");
}

// Why nothing can be preloaded into the ELF file at `path`.
Result<uint32_t> why_not_preloadable(const std::string& path) {
  VTN_ASSIGN(const UniqueFd fd, open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) {
    return fail_errno("cannot look at " + path);
  }
  alignas(16) char head[1024];
  VTN_ASSIGN(const size_t bytes, pread_all(fd.get(), head, sizeof(head), 0));
  const vtn_file_rights rights = {info.st_mode, info.st_uid, info.st_gid};
  return vtn_look_at_program(fd.get(), head, static_cast<long>(bytes), &rights);
}

}  // namespace

uint32_t version_of_library_name(std::string_view name) {
  constexpr std::string_view kStem = "libpython";
  if (!name.starts_with(kStem)) {
    return 0;
  }
  unsigned numbers[2] = {0, 0};
  size_t at = kStem.size();
  for (int i = 0; i < 2; ++i) {
    const size_t begin = at;
    while (at < name.size() && at < begin + 3 && name[at] >= '0' && name[at] <= '9') {
      numbers[i] = numbers[i] * 10 + static_cast<unsigned>(name[at++] - '0');
    }
    if (at == begin || (i == 0 && (at == name.size() || name[at++] != '.'))) {
      return 0;
    }
  }
  // libpython3.so is the stable ABI's forwarder and has no second number: refused above.
  const size_t so = name.find(".so", at);
  return so != name.npos && so - at <= 4 && numbers[0] < 256 && numbers[1] < 256
             ? (numbers[0] << 8 | numbers[1])
             : 0;
}

std::string find_in_loader_cache(std::string_view cache, std::string_view soname) {
  constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
  constexpr int32_t kGlibcFlags = 0x0303;  // FLAG_ELF_LIBC6 | FLAG_X8664_LIB64
  struct Head {
    char magic[20];
    uint32_t count;
    uint32_t strings_bytes;
    uint32_t unused[5];
  };
  struct Row {
    int32_t flags;
    uint32_t key;
    uint32_t value;
    uint32_t os_version;
    uint64_t hardware;
  };
  static_assert(sizeof(Head) == 48 && sizeof(Row) == 24);
  const size_t begin = cache.find(kMagic);  // an old-style cache may precede it
  if (begin == cache.npos || cache.size() - begin < sizeof(Head)) {
    return "";
  }
  cache.remove_prefix(begin);
  Head head;
  memcpy(&head, cache.data(), sizeof(head));
  const auto string_at = [&cache](uint32_t offset) {
    const std::string_view rest = offset < cache.size() ? cache.substr(offset) : "";
    const size_t end = rest.find('\0');
    return end == rest.npos ? std::string_view() : rest.substr(0, end);
  };
  const size_t most = (cache.size() - sizeof(Head)) / sizeof(Row);
  for (size_t i = 0; i < std::min<size_t>(head.count, most); ++i) {
    Row row;
    memcpy(&row, cache.data() + sizeof(Head) + i * sizeof(Row), sizeof(row));
    // Rows with a hardware word are for special processors; the plain one follows them.
    if (row.flags == kGlibcFlags && row.hardware == 0 && string_at(row.key) == soname) {
      return std::string(string_at(row.value));
    }
  }
  return "";
}

std::string find_library(const std::string& soname,
                         const ElfFile& object,
                         const std::string& object_path,
                         const Environment& environment) {
  const std::string origin = folder_of(real_path(object_path));
  if (soname.find('/') != soname.npos) {
    return soname;
  }
  std::string found;
  if (object.runpath().empty()) {
    found = search(object.rpath(), origin, soname);
  }
  if (found.empty()) {
    found = search(environment.get_or_empty("LD_LIBRARY_PATH"), origin, soname);
  }
  if (found.empty()) {
    found = search(object.runpath(), origin, soname);
  }
  if (found.empty()) {
    if (auto cache = read_file("/etc/ld.so.cache", kLongestLoaderCache)) {
      found = find_in_loader_cache(*cache, soname);
    }
  }
  if (found.empty()) {
    found =
        search("/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib",
               origin,
               soname);
  }
  return found;
}

std::string find_libpython(uint32_t python_version,
                           const std::string& interpreter,
                           const Environment& environment) {
  const std::string stem = "libpython" + std::to_string(python_version >> 8) + "." +
                           std::to_string(python_version & 0xff) + ".so";
  const std::string beside = folder_of(folder_of(real_path(interpreter))) + "/lib";
  auto object = ElfFile::open(interpreter);
  for (const std::string& name : {stem + ".1.0", stem}) {
    std::string found = search(beside, "", name);
    if (found.empty() && object) {
      found = find_library(name, *object, interpreter, environment);
    }
    if (!found.empty()) {
      return found;
    }
  }
  return "";
}

Result<Executable> examine_executable(const std::string& path, const Environment& environment) {
  VTN_ASSIGN(const ElfFile file, ElfFile::open(path));
  Executable image;
  image.is_elf = file.machine() != ElfFile::Machine::kNotElf;
  if (!image.is_elf) {
    return image;
  }
  VTN_ASSIGN(image.untraced, why_not_preloadable(path));
  if (file.machine() == ElfFile::Machine::kOtherMachine) {
    return image;
  }
  if (!file.is_executable() && defines_cpython(file)) {
    image.kind = ExecutableKind::kPythonLibrary;
    image.libpython = real_path(path);
    image.python_version = version_of_exports(file);
    return image;
  }
  if (!file.is_executable()) {
    return image;
  }
  if (defines_cpython(file)) {
    image.kind = ExecutableKind::kStaticPython;
    image.python_version = version_of_exports(file);
    return image;
  }
  for (const std::string& library : file.needed()) {
    const uint32_t version = version_of_library_name(name_of(library));
    if (version == 0) {
      continue;
    }
    if (!is_thin(file) && version >= kFirstWithBytesMain) {
      break;
    }
    image.kind = ExecutableKind::kSharedPython;
    image.python_version = version;
    const std::string found = find_library(library, file, path, environment);
    // What does not define the API is not what the name says.
    auto object = found.empty() ? fail("not found") : ElfFile::open(found);
    if (object && (defines_cpython(*object) || version < kFirstWithBytesMain)) {
      image.libpython = found;
    }
    break;
  }
  return image;
}

}  // namespace vtn::launcher
