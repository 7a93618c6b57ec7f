// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <string.h>

namespace vtn {

tl::unexpected<Error> fail_errno(std::string_view what, int code) {
  std::string message(what);
  message += ": ";
  message += strerror(code);
  return fail(std::move(message), code);
}

}  // namespace vtn
