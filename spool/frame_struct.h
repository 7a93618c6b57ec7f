// SPDX-License-Identifier: Apache-2.0
//
// The struct that the body of a frame begins with, from a file that nobody vouches for.
#pragma once

#include <string_view>

#include <string.h>

namespace vtn::spool {

// False: the body is shorter.
template <class T>
bool read_struct(std::string_view body, T& to) {
  if (body.size() < sizeof(T)) {
    return false;
  }
  memcpy(&to, body.data(), sizeof(T));
  return true;
}

}  // namespace vtn::spool
