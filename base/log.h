// SPDX-License-Identifier: Apache-2.0
//
// What the command says on stderr. One call is one line is one write(2) from a stack buffer: it
// works after fork, keeps errno, and lines of two processes do not mix. Thread-safe, child-safe.
// Library folders return errors and log at debug only; launcher/ talks to the user.
#pragma once

#include <stdarg.h>

namespace vtn {

enum class LogLevel : int { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

// The most talkative level that is printed; at first kInfo, or what VIZTRACER_NATIVE_LOG says
// (error, warning, info, debug) once init_log() has run.
void init_log();
void set_log_level(LogLevel level);
LogLevel log_level();

// printf-like, without the prefix ("viztracer-native: ") and without a newline.
[[gnu::format(printf, 1, 2)]] void log_error(const char* format, ...);
[[gnu::format(printf, 1, 2)]] void log_warning(const char* format, ...);
[[gnu::format(printf, 1, 2)]] void log_info(const char* format, ...);
[[gnu::format(printf, 1, 2)]] void log_debug(const char* format, ...);

}  // namespace vtn
