// SPDX-License-Identifier: Apache-2.0
//
// What magic comments ask for: their text behind "!viztracer:". Needs no interpreter; whether the
// expressions in it are Python's is not known here, but that each ends where it seems to.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

enum class CommentVerb : uint8_t { kLog, kLogVariable, kLogInstant };
struct CommentWish {
  CommentVerb verb;
  tracer::Text arguments;  // between the parentheses; of kLog none
  tracer::Text condition;  // behind `if`; empty: there is none
  const char* problem;     // null: none; else why it is not understood
};
CommentWish read_wish(tracer::Text text);

}  // namespace vtn::runtime
