// SPDX-License-Identifier: Apache-2.0
//
// The names stream of this process: records go out before the ids they define are used.
// Freestanding, thread-safe, child-safe. Text longer than kMaxNameBytes is cut at a character.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/names_abi.h"
#include "tracer/engine.h"

namespace vtn::tracer {

struct Text {
  const char* data = nullptr;
  size_t bytes = 0;
};

// FNV-like, 64 bits; `text` may be empty.
uint64_t hash_text(Text text, uint64_t seed);

// What is told of a function.
struct Function {
  FunctionKind kind;
  Text name;
  Text file = {};
  uint32_t line = 0;
  uint32_t flags = 0;  // FunctionFlag; kFunctionResumed: the next id is of its calls that go on
};

// The id of a function: the same text, kind, file, line and flags always have the same id.
// kIdTooManyNames when ids or memory have run out.
uint32_t intern_function(const Function& function);

// Tells, once, that the function is not recorded.
void tell_hidden(const Function& function);

// Publishes a record with up to three texts behind its struct. False: no room to be had.
bool publish_record(NameRecord type,
                    const void* fixed,
                    size_t fixed_bytes,
                    Text first = {},
                    Text second = {},
                    Text third = {});

// The lock is held: no name has an id any more, and the stream begins anew (enter_another_arena).
void forget_names(ProcessRoot* root);

bool publish_text(NameRecord type, uint32_t key, Text text);

}  // namespace vtn::tracer
