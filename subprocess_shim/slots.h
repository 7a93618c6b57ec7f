/* SPDX-License-Identifier: Apache-2.0
 *
 * What this process writes into the control page of the session: its own slot, and slots for what
 * it starts. abi/control_abi.h says what they hold.
 *
 * All of it is signal-safe and child-safe. Nothing but vtn_slots_enter and the fork handlers writes
 * memory of the shim's own: the rest runs in vfork children, whose memory is their parent's.
 */
#pragma once

#include "abi/control_abi.h"
#include "abi/runtime_abi.h"
#include "subprocess_shim/libc.h"

/* A program that is started, as the slot's text has it: its file, then its arguments. */
typedef struct {
  const char* file;
  char* const* argv; /* may be NULL */
  uint32_t reason;   /* VTN_UNTRACED_ */
} vtn_slot_text;

/* Maps the control file of the session and claims a slot for this program; at its start, once.
 * `argv`: its arguments; NULL: they are looked up. Returns 0 where there is no session or it is of
 * another version. `ends_silently`: it is of a kind that ends without a word to us. `runs_already`:
 * this is not its start. */
int vtn_slots_enter(const char* session_folder,
                    vtn_strings argv,
                    int ends_silently,
                    int runs_already);

/* The mapped control page, or NULL. */
vtn_control_page* vtn_control(void);

/* The program holds a CPython. */
void vtn_slots_found_python(void);

/* Fills in `control`, `process_slot`, `executable` and `thread_of_word`. */
void vtn_slots_describe(vtn_runtime_args* args);

/* The time, as slots and events have it. */
uint64_t vtn_ticks(void);

/* The slot of this process; claims one in a child that nobody has noticed yet. NULL: there is none
 * to be had. */
vtn_process_slot* vtn_own_slot(void);

/* The slot of a process (as this one sees its pid) that is in a session, or NULL. Claims none. */
vtn_process_slot* vtn_find_slot(uint32_t pid);

/* Whether this process, or else a new child of it, is one that --ignore_multiprocess leaves out:
 * any but the program itself. */
int vtn_not_wanted(int child);

/* Says what is about to be started: a claimed slot without a pid, or NULL. */
vtn_process_slot* vtn_claim_start(const vtn_slot_text* text);

/* The started program has this pid: the slot is published. */
void vtn_publish_start(vtn_process_slot* start, uint32_t pid);

/* Nothing was started. Also after the slot was published (an exec that failed): `ticks` is its
 * start_ticks of then, by which it is known not to be another's yet. */
void vtn_withdraw_start(vtn_process_slot* start, uint64_t ticks);

/* The process of that slot is about to be another program (1), or that failed (-1). If somebody has
 * attached to it, nobody will be there to say that recording has ended. NULL: of none. */
void vtn_leave_attached(const vtn_process_slot* own, int count);
