/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of the C library that the shim stands before or needs, found by name: the library
 * may be glibc or musl of any age. What is absent there is NULL here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VTN_EXPORT __attribute__((visibility("default")))

/* As <dlfcn.h> has them, which would bring in versioned prototypes. */
#define VTN_RTLD_DEFAULT ((void*)0)
#define VTN_RTLD_NEXT ((void*)-1l)

extern void* dlsym(void* handle, const char* name);

typedef char* const* vtn_strings; /* argv or envp */

typedef struct {
  int found;
  char*** environ_word; /* the program's `environ` */
  int* (*errno_location)(void);

  int (*execve)(const char*, vtn_strings, vtn_strings);
  int (*execvpe)(const char*, vtn_strings, vtn_strings);
  int (*fexecve)(int, vtn_strings, vtn_strings);
  int (*execveat)(int, const char*, vtn_strings, vtn_strings, int);

  void (*exit_now)(int); /* _exit */
} vtn_libc_functions;

extern vtn_libc_functions g_libc __attribute__((visibility("hidden")));

/* Finds them all. Called by the constructor; again by whoever is called before it, from another
 * library's constructor. */
void vtn_libc_find(void);

static inline const vtn_libc_functions* vtn_libc(void) {
  if (__builtin_expect(!g_libc.found, 0)) {
    vtn_libc_find();
  }
  return &g_libc;
}

static inline vtn_strings vtn_environ(void) {
  return vtn_libc()->environ_word == NULL ? NULL : *g_libc.environ_word;
}

static inline void vtn_set_errno(int code) {
  if (vtn_libc()->errno_location != NULL) {
    *g_libc.errno_location() = code;
  }
}
