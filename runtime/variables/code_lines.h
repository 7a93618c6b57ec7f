// SPDX-License-Identifier: Apache-2.0
//
// The lines of a code's instructions, out of co_linetable as CPython 3.10 to 3.15 write it. Needs
// no interpreter.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace vtn::runtime {

// Of each unit of two bytes the line that it begins at, 0: it has none. What the table does not
// cover has none.
void read_code_lines(uint32_t minor,
                     const unsigned char* table,
                     size_t table_bytes,
                     uint32_t first_line,
                     uint32_t* lines,
                     size_t units);

}  // namespace vtn::runtime
