// SPDX-License-Identifier: Apache-2.0
//
// Marks for callgrind between which a program's instructions are counted (timed.py calls them).
// Outside of valgrind they do nothing.
#include <valgrind/callgrind.h>

void count_from_here(void) { CALLGRIND_ZERO_STATS; }

void count_to_here(void) { CALLGRIND_DUMP_STATS; }
