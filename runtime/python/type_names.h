// SPDX-License-Identifier: Apache-2.0
//
// The module of a class. By the getter of CPython's own type `type`: a metaclass has no say. Needs
// the GIL; may leave an error set.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Before anything else here; once.
void start_type_names();

// An exact str, or null.
PyRef module_of(const void* type);

}  // namespace vtn::runtime
