// SPDX-License-Identifier: Apache-2.0
//
// How far the C stack of a thread reaches. Any thread, for itself; may change errno.
#pragma once

#include <stdint.h>

namespace vtn::runtime {

// Its lowest address that may be used; 0: not known, or without end.
uintptr_t lowest_of_stack();

}  // namespace vtn::runtime
