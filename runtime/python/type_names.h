// SPDX-License-Identifier: Apache-2.0
//
// The module and the name of a class. By the getters of CPython's own type `type`: a metaclass has
// no say. Needs the GIL; may leave an error set.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Before anything else here; once.
void start_type_names();

// An exact str, or null.
PyRef module_of(const void* type);
PyRef qualname_of(const void* type);

}  // namespace vtn::runtime
