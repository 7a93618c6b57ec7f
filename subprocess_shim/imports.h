/* SPDX-License-Identifier: Apache-2.0
 *
 * The slots by which loaded objects call functions of others: what the loader has filled in, or
 * fills in at a function's first call. By them we come to stand before a function in a process that
 * runs already.
 */
#pragma once

#include <stddef.h>

#include "subprocess_shim/objects.h"

/* Slots that hold `from` are to hold `to`. */
typedef struct {
  const char* name; /* the function's */
  void* from;
  void* to;
  int unbound; /* also those that the loader has not filled in so far */
} vtn_turn;

/* Does so in one object. Each slot is one store; who calls meanwhile gets the one or the other.
 * 0: the object is being loaded at this moment, or a slot could not be written. While the loader's
 * list is held (vtn_visit_objects): two must not do so at once. */
int vtn_turn_imports(const vtn_object* object, const vtn_turn* turns, size_t count);
