/* SPDX-License-Identifier: Apache-2.0
 *
 * Our entry in LD_PRELOAD. The program never sees it: it is taken out of its environment at the
 * start, and put into the copy that each program it starts is given. There it stands last, behind
 * the user's own entries, so that what insists on being first (libasan) can be.
 */
#pragma once

#include <stddef.h>

#include "subprocess_shim/libc.h"

/* Our path from now on. Others may be about to start a program by the earlier one. 0: too long. */
int vtn_environment_name(const char* own_path);

/* Takes our entry out of `environ`. At the start. */
void vtn_environment_hide(void);

/* Whether this process, with the rights it has now, could load us by that path. */
int vtn_environment_reachable(void);

/* The copy of an environment that a started program gets, in two steps so that the caller finds
 * the memory (on its stack: it may be a vfork child). */
typedef struct {
  vtn_strings from;    /* NULL stands for an empty one */
  int carries;         /* with our entry; else without it, if somebody put it there */
  int as_it_is;        /* no copy is needed */
  size_t entries;      /* of the copy, its final NULL not counted */
  size_t memory_bytes; /* what the copy takes */
  const struct vtn_entry* own;
} vtn_environment_plan;

vtn_environment_plan vtn_environment_measure(vtn_strings from, int carries);

/* `memory`: aligned for pointers. The copy borrows the entries that do not change. */
vtn_strings vtn_environment_copy(const vtn_environment_plan* plan, void* memory);

/* The value of a variable, or NULL. */
const char* vtn_environment_get(vtn_strings environment, const char* name);
