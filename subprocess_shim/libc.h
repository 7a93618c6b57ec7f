/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of the C library that the shim stands before or needs, found by name: the library
 * may be glibc or musl of any age. What is absent there is NULL here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VTN_EXPORT __attribute__((visibility("default")))
#define VTN_UNUSED __attribute__((unused)) /* by C: assembler reads it */

/* As <dlfcn.h> has them, which would bring in versioned prototypes. */
#define VTN_RTLD_DEFAULT ((void*)0)
#define VTN_RTLD_NEXT ((void*)-1l)

typedef void* (*vtn_dlsym_fn)(void* handle, const char* name);

/* The real dlsym, in whose front we stand (lookups.c), and how it is called. NULL: not found yet.
 */
extern vtn_dlsym_fn vtn_real_dlsym __attribute__((visibility("hidden")));
vtn_dlsym_fn vtn_find_real_dlsym(void) __attribute__((visibility("hidden")));

/* We were loaded into a program that runs already, behind all that we ask for: nobody's calls lead
 * to us by themselves then (late.h), and what we stand before is the first that has the name. */
extern int vtn_is_late __attribute__((visibility("hidden")));
void* vtn_find_defined(const char* name, int behind_us) __attribute__((visibility("hidden")));

static inline void* vtn_dlsym(void* handle, const char* name) {
  const vtn_dlsym_fn real = vtn_real_dlsym != NULL ? vtn_real_dlsym : vtn_find_real_dlsym();
  return handle == VTN_RTLD_NEXT && vtn_is_late ? vtn_find_defined(name, 0) : real(handle, name);
}

typedef char* const* vtn_strings; /* argv or envp */

typedef int (*vtn_spawn_fn)(
    int*, const char*, const void* actions, const void* attributes, vtn_strings, vtn_strings);

typedef struct {
  int found;
  char*** environ_word; /* the program's `environ` */
  int* (*errno_location)(void);

  int (*execve)(const char*, vtn_strings, vtn_strings);
  int (*execvpe)(const char*, vtn_strings, vtn_strings);
  int (*fexecve)(int, vtn_strings, vtn_strings);
  int (*execveat)(int, const char*, vtn_strings, vtn_strings, int);

  vtn_spawn_fn posix_spawn;
  vtn_spawn_fn posix_spawnp;
  int (*fclose)(void*);

  /* For these vtn_libc_for_shells() has to be asked: few programs need them. */
  int found_for_shells;
  vtn_spawn_fn pidfd_spawn; /* glibc 2.39 */
  vtn_spawn_fn pidfd_spawnp;
  int (*pidfd_getpid)(int);
  int (*attributes_init)(void*); /* posix_spawnattr_ */
  int (*attributes_destroy)(void*);
  int (*attributes_setflags)(void*, short);
  int (*attributes_setsigmask)(void*, const void*);
  int (*attributes_setsigdefault)(void*, const void*);
  int (*actions_init)(void*); /* posix_spawn_file_actions_ */
  int (*actions_destroy)(void*);
  int (*actions_adddup2)(void*, int, int);
  int (*actions_addclose)(void*, int);

  int (*system)(const char*);
  void* (*popen)(const char*, const char*);
  int (*pclose)(void*);
  void* (*fdopen)(int, const char*);
  const char* (*glibc_version)(void); /* gnu_get_libc_version; NULL: musl */

  /* Again for all. */
  int (*wait)(int*);
  int (*waitpid)(int, int*, int);
  int (*wait3)(int*, int, void*);
  int (*wait4)(int, int*, int, void*);
  int (*waitid)(int, unsigned, void*, int);
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

/* Finds what popen and its like need, at first use: never in a vfork child. */
void vtn_libc_find_for_shells(void);

static inline const vtn_libc_functions* vtn_libc_for_shells(void) {
  if (__builtin_expect(!g_libc.found_for_shells, 0)) {
    vtn_libc_find_for_shells();
  }
  return vtn_libc();
}

static inline vtn_strings vtn_environ(void) {
  return vtn_libc()->environ_word == NULL ? NULL : *g_libc.environ_word;
}

static inline void vtn_set_errno(int code) {
  if (vtn_libc()->errno_location != NULL) {
    *g_libc.errno_location() = code;
  }
}
