/* SPDX-License-Identifier: Apache-2.0
 *
 * Go programs exec and end with instructions of their own, where nobody can stand before them, and
 * pass on the environment that they were started with. So what they start is followed only if our
 * entry stays in it, as it does in a static executable.
 */
#pragma once

#include <elf.h>
#include <stddef.h>

/* Whether an executable has the note that Go's linker leaves, its build id. `base` is what its
 * addresses count from. */
int vtn_has_go_note(const Elf64_Phdr* segments, size_t count, const char* base);

/* Whether this process's executable has it. Reads its memory only. */
int vtn_is_go_program(void);
