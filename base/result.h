// SPDX-License-Identifier: Apache-2.0
//
// How functions of this project fail: they return a Result. Nothing of ours throws.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <errno.h>

#include <tl/expected.hpp>

namespace vtn {

// A failure that somebody can act on. `message` reads as: verb, object, reason, and what to try
// next where there is something to try. It does not end in a full stop.
struct Error {
  int code = 0;  // an errno value; 0 where no system call failed
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(std::string message, int code = 0) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// "<what>: <text of the errno value>". Reads errno at once unless it is given.
tl::unexpected<Error> fail_errno(std::string_view what, int code = errno);

}  // namespace vtn

// Returns the error of `expression` from the enclosing function, or goes on.
#define VTN_TRY(expression)                                                 \
  do {                                                                      \
    if (auto vtn_result = (expression); !vtn_result) {                      \
      return ::tl::unexpected<::vtn::Error>(std::move(vtn_result).error()); \
    }                                                                       \
  } while (false)

#define VTN_CONCAT_INNER(a, b) a##b
#define VTN_CONCAT(a, b) VTN_CONCAT_INNER(a, b)

// Assigns the value of `expression` to `target` (which may declare a variable), or returns its
// error from the enclosing function. Two statements: not for an if without braces.
#define VTN_ASSIGN(target, expression) \
  VTN_ASSIGN_INNER(VTN_CONCAT(vtn_result_, __LINE__), target, expression)
#define VTN_ASSIGN_INNER(result, target, expression)                  \
  auto result = (expression);                                         \
  if (!result) {                                                      \
    return ::tl::unexpected<::vtn::Error>(std::move(result).error()); \
  }                                                                   \
  target = std::move(*result)
