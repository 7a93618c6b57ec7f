// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <cstring>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace vtn {

namespace {

constexpr char kPrefix[] = "viztracer-native: ";
constexpr size_t kPrefixBytes = sizeof(kPrefix) - 1;
constexpr size_t kLineBytes = 8192;

std::atomic<int> g_level{static_cast<int>(LogLevel::kInfo)};

// Names come from anywhere, and a terminal obeys: what could be a command to it, or another line,
// is a question mark. (U+0080 to U+009F begin with 0xc2.)
void make_plain(char* text, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto before = static_cast<unsigned char>(i == 0 ? ' ' : text[i - 1]);
    if (byte < 0x20 || byte == 0x7f) {
      text[i] = '?';
    } else if (before == 0xc2 && byte < 0xa0) {
      text[i - 1] = text[i] = '?';
    }
  }
}

void write_line(LogLevel level, const char* format, va_list arguments) {
  if (static_cast<int>(level) > g_level.load(std::memory_order_relaxed)) {
    return;
  }
  const int saved = errno;
  char line[kLineBytes];
  memcpy(line, kPrefix, kPrefixBytes);
  const size_t room = kLineBytes - kPrefixBytes - 1;  // the newline
  const int wanted = vsnprintf(line + kPrefixBytes, room, format, arguments);
  size_t length = kPrefixBytes;
  if (wanted > 0) {
    length += static_cast<size_t>(wanted) < room ? static_cast<size_t>(wanted) : room - 1;
  }
  make_plain(line + kPrefixBytes, length - kPrefixBytes);
  line[length++] = '\n';
  ssize_t written = 0;
  do {
    written = write(STDERR_FILENO, line, length);
  } while (written < 0 && errno == EINTR);
  errno = saved;
}

}  // namespace

void init_log() {
  const char* wanted = getenv("VIZTRACER_NATIVE_LOG");
  if (wanted == nullptr) {
    return;
  }
  constexpr const char* kNames[] = {"error", "warning", "info", "debug"};
  for (int i = 0; i < 4; ++i) {
    if (strcmp(wanted, kNames[i]) == 0) {
      set_log_level(static_cast<LogLevel>(i));
    }
  }
}

void set_log_level(LogLevel level) {
  g_level.store(static_cast<int>(level), std::memory_order_relaxed);
}

LogLevel log_level() { return static_cast<LogLevel>(g_level.load(std::memory_order_relaxed)); }

#define VTN_DEFINE_LOG(name, level)       \
  void name(const char* format, ...) {    \
    va_list arguments;                    \
    va_start(arguments, format);          \
    write_line(level, format, arguments); \
    va_end(arguments);                    \
  }
VTN_DEFINE_LOG(log_error, LogLevel::kError)
VTN_DEFINE_LOG(log_warning, LogLevel::kWarning)
VTN_DEFINE_LOG(log_info, LogLevel::kInfo)
VTN_DEFINE_LOG(log_debug, LogLevel::kDebug)
#undef VTN_DEFINE_LOG

}  // namespace vtn
