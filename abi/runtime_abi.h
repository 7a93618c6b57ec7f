/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the shim (C, present in every process of a session) and the runtime (loaded by it in a
 * CPython). Both are installed side by side and must be of one version.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VTN_RUNTIME_ABI_VERSION 7u
#define VTN_RUNTIME_START_SYMBOL "vtn_runtime_start"

/* What the runtime may use of libc by way of the shim: names that have no version below GLIBC_2.34,
 * or that belong to the shim. All of it stays valid for the life of the process. */
typedef struct {
  uint32_t abi_version;
  uint32_t size_bytes;
  const char* session_folder; /* absolute, no trailing slash */
  void* python;               /* handle for dlsym: the object that holds CPython, or RTLD_DEFAULT */
  void* (*dlsym_fn)(void* handle, const char* name);
  /* Of glibc; null in another C library. */
  int (*dladdr1_fn)(const void* address, void* info, void** extra, int flags);
  long
      tls_offset; /* of a pointer-sized initial-exec word, from the thread pointer; null at first */
  /* After a thread has given one of its keys this value (pthread_setspecific, not null). Called
   * very often in some programs, on any thread, with or without the GIL. */
  void (**on_thread_value)(const void* value);
  /* When a thread ends whose word `watch_thread_exit` was called for; argument: that value. */
  void (**on_thread_exit)(void* value);
  void (*watch_thread_exit)(void* value);
  /* The mapped control file of the session (abi/control_abi.h), and the slot of this process in
   * it, filled in up to VTN_SLOT_PRESENT; VTN_MAX_PROCESSES: it has none. In a forked child that
   * nobody has noticed yet it claims one. Any thread, no lock, no allocation. */
  void* control;
  uint32_t (*process_slot)(void);
  /* The path of the file that this process runs, without a NUL; its length, 0: unknown. In the
   * embed host that of the interpreter that it stands for. */
  uint32_t (*executable)(char* to, uint32_t bytes);
  /* The kernel's thread id that goes with a value of the word at tls_offset; the runtime sets it.
   * Called in a vfork child as well, where that word is its parent's. */
  uint32_t (**thread_of_word)(const void* value);
  /* The records of the session's settings (settings_abi.h), from the first to behind the last; null
   * where none is for processes of the tree. */
  const void* settings;
  const void* settings_end;
  /* The runtime's answer to CPython when the shim is loaded as the module _viztracer_native:
   * the shim is what a program can reach by name (PyInit__viztracer_native). */
  void* (**module_init)(void);
  /* VTN_ENTER_SYMBOL. */
  int (*enter_session)(const char* folder);
  /* In a process that runs already: whether what it starts is followed into the session, 1 or 0.
   * With the GIL. A process that was begun with the shim follows in any case. */
  void (*follow)(int wanted);
} vtn_runtime_args;

/* Returns 0 when the runtime is in place; anything else: this process is not traced. Called before
 * the interpreter starts, or in one that runs (then nothing begins by itself, but see late_wish);
 * there once more for each further session that the process is to be in, by whatever thread. */
typedef int (*vtn_runtime_start_fn)(const vtn_runtime_args* args);

/* Of the shim: this process is in the session of that folder from now on, having left the one that
 * it was in. 0: it cannot be. The runtime hears of it by its start function. */
#define VTN_ENTER_SYMBOL "vtn_enter_session"
typedef int (*vtn_enter_fn)(const char* folder);

/* Of the runtime that records the calling process: what to do now. With the GIL, by a thread of the
 * program. 0: done; 1: the interpreter refused to start; -1: no such wish. */
#define VTN_RUNTIME_CONTROL_SYMBOL "vtn_runtime_control"
enum {
  VTN_CONTROL_PAUSE = 1,
  VTN_CONTROL_RESUME = 2,
  VTN_CONTROL_STOP = 3,
  VTN_CONTROL_START = 4, /* after a stop */
};
typedef int (*vtn_runtime_control_fn)(int what);

#ifdef __cplusplus
}
#endif
