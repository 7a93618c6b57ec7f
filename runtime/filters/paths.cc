// SPDX-License-Identifier: Apache-2.0
#include "runtime/filters/paths.h"

#include <string.h>
#include <sys/syscall.h>

#include "base/freestanding/atomic.h"
#include "base/freestanding/lock.h"
#include "base/freestanding/syscalls.h"
#include "runtime/filters/names.h"
#include "runtime/filters/patterns.h"

namespace vtn::runtime {

namespace {

constexpr size_t kPathBytes = 4096;
constexpr size_t kMostLibraryFolders = 8;
constexpr int kMostLinks = 40;  // as many as the kernel follows
constexpr uint64_t kFactBits = 16;
constexpr uint32_t kRememberedBits = 11;

struct Path {
  char text[kPathBytes];  // a NUL at its end
  size_t bytes;
};

struct {
  char library_folders[kMostLibraryFolders][kMaxNameBytes];
  size_t library_folder_count;
  // By a file's name: the upper bits of its hash, the facts in the lower ones. One word each, so
  // that interpreters with a GIL each may share them.
  uint64_t remembered[1u << kRememberedBits];
  // What is worked with, under the lock: a thread's stack may be small.
  Path given;
  Path path;
  Path real;
  Path rest;
  char link[kPathBytes];
} g_paths;

bool begins_with(tracer::Text text, const char* prefix) {
  const size_t bytes = strlen(prefix);
  return text.bytes >= bytes && memcmp(text.data, prefix, bytes) == 0;
}

void clear(Path* path) {
  path->bytes = 0;
  path->text[0] = 0;
}

void take_part_off(Path* path) {
  while (path->bytes != 0 && path->text[--path->bytes] != '/') {
  }
  path->text[path->bytes] = 0;
}

// False: there is no room for it.
bool add_text(Path* to, const char* text, size_t bytes) {
  if (bytes >= sizeof(to->text) - to->bytes) {
    return false;
  }
  memcpy(to->text + to->bytes, text, bytes);
  to->bytes += bytes;
  to->text[to->bytes] = 0;
  return true;
}

// Adds "/part"; leaves "." out, and goes back for "..".
bool add_part(Path* to, const char* part, size_t bytes) {
  if (bytes == 0 || (bytes == 1 && part[0] == '.')) {
    return true;
  }
  if (bytes == 2 && part[0] == '.' && part[1] == '.') {
    take_part_off(to);
    return true;
  }
  return add_text(to, "/", 1) && add_text(to, part, bytes);
}

size_t part_end(const char* path, size_t begin, size_t bytes) {
  const void* const slash = memchr(path + begin, '/', bytes - begin);
  return slash == nullptr ? bytes : static_cast<size_t>(static_cast<const char*>(slash) - path);
}

// False: it is too long, or there is no folder to take it from.
bool make_absolute(tracer::Text file, Path* to) {
  clear(to);
  if (file.bytes != 0 && file.data[0] == '/') {
    return add_text(to, file.data, file.bytes);
  }
  const long bytes = raw_syscall(
      SYS_getcwd, reinterpret_cast<long>(g_paths.link), static_cast<long>(sizeof(g_paths.link)));
  return bytes > 1 && g_paths.link[0] == '/' &&
         add_text(to, g_paths.link, static_cast<size_t>(bytes) - 1) && add_text(to, "/", 1) &&
         add_text(to, file.data, file.bytes);
}

// Without "." and "..", by the letters alone.
bool tidy(const Path& path, Path* to) {
  clear(to);
  for (size_t begin = 0; begin < path.bytes;) {
    const size_t end = part_end(path.text, begin, path.bytes);
    if (!add_part(to, path.text + begin, end - begin)) {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

// With every symlink followed, as realpath(3) does it; what is not there (any more) keeps its name.
bool resolve(const Path& path, Path* to) {
  Path* const rest = &g_paths.rest;
  int links = 0;
  clear(to);
  clear(rest);
  if (!add_text(rest, path.text, path.bytes)) {
    return false;
  }
  for (size_t begin = 0; begin < rest->bytes;) {
    const size_t end = part_end(rest->text, begin, rest->bytes);
    if (!add_part(to, rest->text + begin, end - begin)) {
      return false;
    }
    begin = end + 1;
    const long bytes = to->bytes == 0 ? 0
                                      : raw_syscall(SYS_readlink,
                                                    reinterpret_cast<long>(to->text),
                                                    reinterpret_cast<long>(g_paths.link),
                                                    static_cast<long>(sizeof(g_paths.link)));
    if (bytes <= 0) {
      continue;
    }
    const size_t left = begin < rest->bytes ? rest->bytes - begin : 0;
    const auto link_bytes = static_cast<size_t>(bytes);
    if (++links > kMostLinks || link_bytes + 1 + left >= sizeof(rest->text)) {
      return false;
    }
    if (g_paths.link[0] == '/') {
      clear(to);
    } else {
      take_part_off(to);
    }
    memmove(rest->text + link_bytes + 1, rest->text + begin, left);
    memcpy(rest->text, g_paths.link, link_bytes);
    rest->text[link_bytes] = '/';
    rest->bytes = link_bytes + 1 + left;
    rest->text[rest->bytes] = 0;
    begin = 0;
  }
  return true;
}

bool lies_in(const Path& path, const char* folder) {
  const size_t bytes = strlen(folder);
  return path.bytes > bytes && memcmp(path.text, folder, bytes) == 0 && path.text[bytes] == '/';
}

uint32_t place_facts(const Path& path) {
  if (strstr(path.text, "/site-packages/") != nullptr ||
      strstr(path.text, "/dist-packages/") != nullptr) {
    return kPackage;
  }
  for (size_t i = 0; i < g_paths.library_folder_count; ++i) {
    const char* const folder = g_paths.library_folders[i];
    if (!lies_in(path, folder)) {
      continue;
    }
    const char* const inner = path.text + strlen(folder);
    const bool imports = strcmp(inner, "/importlib/__init__.py") == 0 ||
                         strcmp(inner, "/importlib/_bootstrap.py") == 0 ||
                         strcmp(inner, "/importlib/_bootstrap_external.py") == 0 ||
                         strcmp(inner, "/zipimport.py") == 0;
    return kStandardLibrary | (imports ? uint32_t{kImportSystem} : 0);
  }
  return 0;
}

uint32_t pattern_facts(Path* path) {
  uint32_t facts = 0;
  for_each_pattern([&](uint32_t key, const char* pattern) {
    const uint32_t fact = fact_of_setting(key);
    if (fact != 0 && (facts & fact) == 0 && is_path_pattern(pattern) &&
        pattern_meets_path(pattern, path->text)) {
      facts |= fact;
    }
  });
  return facts;
}

uint32_t find_out(tracer::Text file) {
  if (begins_with(file, "<")) {
    const bool imports =
        begins_with(file, "<frozen importlib") || begins_with(file, "<frozen zipimport");
    return (begins_with(file, "<frozen ") ? uint32_t{kFrozen} : 0) |
           (imports ? uint32_t{kImportSystem} : 0);
  }
  const WordLock lock(&runtime_root()->paths_lock);
  if (!make_absolute(file, &g_paths.given) || !tidy(g_paths.given, &g_paths.path)) {
    return 0;
  }
  uint32_t places = place_facts(g_paths.path);
  uint32_t facts = pattern_facts(&g_paths.path);
  if (resolve(g_paths.given, &g_paths.real) && strcmp(g_paths.real.text, g_paths.path.text) != 0) {
    places |= place_facts(g_paths.real);
    facts |= pattern_facts(&g_paths.real);
  }
  return facts | ((places & kPackage) != 0 ? uint32_t{kPackage} : places);
}

}  // namespace

uint32_t fact_of_setting(uint32_t key) {
  switch (key) {
    case VTN_SETTING_INCLUDE_FILE:
      return kMeetsInclude;
    case VTN_SETTING_EXCLUDE_FILE:
      return kMeetsExclude;
    case VTN_SETTING_ONLY:
      return kMeetsOnly;
    case VTN_SETTING_HIDE:
      return kMeetsHide;
    case VTN_SETTING_EXCLUDE_SUBTREE:
      return kMeetsSubtree;
    case VTN_SETTING_ARGUMENTS_OF:
      return kMeetsArguments;
    case VTN_SETTING_VALUES_OF:
      return kMeetsValues;
    default:
      return 0;
  }
}

void add_library_folder(tracer::Text folder) {
  const WordLock lock(&runtime_root()->paths_lock);
  if (folder.bytes == 0 || !make_absolute(folder, &g_paths.given)) {
    return;
  }
  const auto add = [](const Path& path) {
    bool known = path.bytes >= kMaxNameBytes || g_paths.library_folder_count == kMostLibraryFolders;
    for (size_t i = 0; i < g_paths.library_folder_count; ++i) {
      known = known || strcmp(g_paths.library_folders[i], path.text) == 0;
    }
    if (!known) {
      memcpy(g_paths.library_folders[g_paths.library_folder_count++], path.text, path.bytes + 1);
    }
  };
  if (tidy(g_paths.given, &g_paths.path)) {
    add(g_paths.path);
  }
  if (resolve(g_paths.given, &g_paths.real)) {
    add(g_paths.real);
  }
}

uint32_t path_facts(tracer::Text file) {
  if (file.bytes == 0) {
    return 0;
  }
  if (file.data[0] != '/') {
    return find_out(file);  // where it lies depends on where the process is
  }
  const uint64_t hash = tracer::hash_text(file, 3);
  uint64_t& remembered = g_paths.remembered[hash >> (64 - kRememberedBits)];
  const uint64_t word = load_relaxed(&remembered);
  if (word != 0 && word >> kFactBits == hash >> kFactBits) {
    return static_cast<uint32_t>(word & ((1u << kFactBits) - 1));
  }
  const uint32_t facts = find_out(file);
  store_relaxed(&remembered, (hash >> kFactBits << kFactBits) | facts);
  return facts;
}

void forget_paths() {
  g_paths.library_folder_count = 0;
  memset(g_paths.remembered, 0, sizeof(g_paths.remembered));
}

}  // namespace vtn::runtime
