/* SPDX-License-Identifier: Apache-2.0
 *
 * What starting a program takes, whoever does it: exec.c, spawn.c.
 */
#pragma once

#include "subprocess_shim/environment.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/slots.h"
#include "subprocess_shim/target.h"

/* More than this is not taken from the caller's stack. In a vfork child the pages that replace it
 * stay in the parent when the exec works; but 8,000 variables are the exception. */
#define VTN_STACK_BYTES ((size_t)64 * 1024)

/* The environment of `plan`. `pages` receives what vtn_unmap has to be given afterwards, or NULL.
 * Where there is no memory it is the caller's own. A macro: it allocates in its caller's frame. */
#define VTN_MAKE_ENVIRONMENT(plan, pages)                                                        \
  (pages = NULL,                                                                                 \
   (plan).as_it_is ? (plan).from                                                                 \
   : (plan).memory_bytes <= VTN_STACK_BYTES                                                      \
       ? vtn_environment_copy(&(plan), __builtin_alloca((plan).memory_bytes))                    \
   : (pages = vtn_map_pages((plan).memory_bytes)) != NULL ? vtn_environment_copy(&(plan), pages) \
                                                          : (plan).from)

/* A START slot for the target, not published so far; NULL: there is none to be had. */
static inline vtn_process_slot* vtn_announce(const vtn_target* target, const vtn_verdict* verdict) {
  const vtn_slot_text text = {target->path, target->argv, verdict->reason};
  return vtn_claim_start(&text);
}
