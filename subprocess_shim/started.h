/* SPDX-License-Identifier: Apache-2.0
 *
 * What starting a program takes, whoever does it: exec.c, spawn.c.
 */
#pragma once

#include "subprocess_shim/environment.h"
#include "subprocess_shim/slots.h"
#include "subprocess_shim/target.h"

/* More than this is not taken from the caller's stack. */
#define VTN_STACK_BYTES ((size_t)64 * 1024)

/* Memory beyond that, or NULL; back with vtn_give_pages. What a vfork child takes and then execs
 * with stays in its parent: so a thread keeps what it has, for the next time. */
void* vtn_take_pages(size_t bytes);
void vtn_give_pages(void* pages);

/* The environment of `plan`. `pages` receives what vtn_give_pages wants afterwards. Where there is
 * no memory it is the caller's own. A macro: it allocates in its caller's frame. */
#define VTN_MAKE_ENVIRONMENT(plan, pages)                                                         \
  (pages = NULL,                                                                                  \
   (plan).as_it_is ? (plan).from                                                                  \
   : (plan).memory_bytes <= VTN_STACK_BYTES                                                       \
       ? vtn_environment_copy(&(plan), __builtin_alloca((plan).memory_bytes))                     \
   : (pages = vtn_take_pages((plan).memory_bytes)) != NULL ? vtn_environment_copy(&(plan), pages) \
                                                           : (plan).from)

/* A START slot for the target, not published so far; NULL: there is none to be had. */
vtn_process_slot* vtn_announce(const vtn_target* target, const vtn_verdict* verdict);
