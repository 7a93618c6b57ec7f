// SPDX-License-Identifier: Apache-2.0
//
// Which bindings are asked for, by the expressions of --log_var and its like
// (filters/expressions.h).
//
// Names that the compiler itself makes up (`.0`, `__classcell__`) are never asked for.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

// Once a process: reads the session's settings. Before anything else here.
void start_wishes();

// Whether there is any; any but for the begins of functions.
bool variables_wanted();
bool bindings_wanted();
// Whether comments in the source are looked for (comments.h).
bool comments_wanted();

// How a binding is told of.
enum Telling : uint8_t {
  kAsInstant = 1,
  kAsCounter = 2,  // where it is a number; else, and where nothing else is wanted, as an instant
};
uint8_t wishes_of_variable(tracer::Text name);
uint8_t wishes_of_attribute(tracer::Text name);

// Of a function by its name, and by its qualified one.
bool all_stores_wanted(tracer::Text name, tracer::Text qualified);
bool entries_wanted(tracer::Text name, tracer::Text qualified);

}  // namespace vtn::runtime
