// SPDX-License-Identifier: Apache-2.0
#include "runtime/filters/names.h"

#include <string.h>

#include "base/freestanding/pattern.h"

namespace vtn::runtime {

namespace {

constexpr char kLocals[] = ".<locals>";
constexpr char kPython[] = ".py";

bool begins_with(const char* text, const char* prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool matches(const char* pattern, const char* text) {
  return vtn_pattern_matches(pattern, text, nullptr) != 0;
}

// The whole of it, or what stands before one of its dots. `text` is as before afterwards.
bool meets_dotted(const char* pattern, char* text) {
  if (matches(pattern, text)) {
    return true;
  }
  for (char* dot = strchr(text, '.'); dot != nullptr; dot = strchr(dot + 1, '.')) {
    if (begins_with(dot, kLocals)) {
      continue;
    }
    *dot = 0;
    const bool met = matches(pattern, text);
    *dot = '.';
    if (met) {
      return true;
    }
  }
  return false;
}

// A copy with a NUL at its end, of what is not longer than a name may be.
struct Joined {
  char text[2 * kMaxNameBytes + 2];
  size_t bytes = 0;

  void add(tracer::Text more) {
    const size_t room = sizeof(text) - 1 - bytes;
    const size_t added = more.bytes < room ? more.bytes : room;
    if (added != 0) {
      memcpy(text + bytes, more.data, added);
    }
    bytes += added;
    text[bytes] = 0;
  }
};

}  // namespace

bool pattern_meets_name(const char* pattern, tracer::Text module, tracer::Text name) {
  Joined whole;
  whole.add(module);
  const size_t name_begins = module.bytes == 0 ? 0 : whole.bytes + 1;
  if (name_begins != 0) {
    whole.add({".", 1});
  }
  whole.add(name);
  return meets_dotted(pattern, whole.text) ||
         (name_begins != 0 && meets_dotted(pattern, whole.text + name_begins));
}

bool pattern_meets_c_name(const char* pattern, tracer::Text name) {
  Joined whole;
  whole.add(name);
  const char* const last = strrchr(whole.text, '.');
  return meets_dotted(pattern, whole.text) || (last != nullptr && matches(pattern, last + 1));
}

bool is_path_pattern(const char* pattern) {
  const size_t bytes = strlen(pattern);
  const size_t ending = sizeof(kPython) - 1;
  return strchr(pattern, '/') != nullptr ||
         (bytes > ending && strcmp(pattern + bytes - ending, kPython) == 0);
}

bool pattern_meets_path(const char* pattern, char* path) {
  if (strchr(pattern, '/') == nullptr) {
    const char* const slash = strrchr(path, '/');
    return matches(pattern, slash == nullptr ? path : slash + 1);
  }
  if (matches(pattern, path)) {
    return true;
  }
  for (char* slash = strrchr(path, '/'); slash != nullptr && slash != path;) {
    *slash = 0;
    const bool met = matches(pattern, path);
    char* const above = strrchr(path, '/');
    *slash = '/';
    if (met) {
      return true;
    }
    slash = above;
  }
  return false;
}

}  // namespace vtn::runtime
