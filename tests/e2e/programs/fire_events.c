/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends monitoring events from C code, as Cython does (PyMonitoring_Fire*, 3.13 and later), with an
 * exception set or without; and sets a profile function, as yappi and memray do. Loaded with
 * ctypes; needs no header of CPython.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t active;
  uint8_t opaque;
} state;

typedef int (*enter_scope)(state*, uint64_t* version, const uint8_t* events, intptr_t count);
typedef int (*exit_scope)(void);
/* Some take less: what is too much stays in its register. */
typedef int (*fire)(state*, void* code, int32_t offset, void* value, void* argument);
typedef void (*set_none)(void* type);

typedef int (*profile)(void* object, void* frame, int what, void* argument);
typedef void (*set_profile)(profile, void* object);

static union {
  void* object;
  enter_scope enter;
  exit_scope exit;
  fire fire;
  set_none set;
  set_profile set_profile;
} g_symbol;

static void* find(const char* name) {
  g_symbol.object = dlsym(RTLD_DEFAULT, name);
  return g_symbol.object;
}

/* Sends an event of `code` by the function of that name. `kind`: the number of the event, or of the
 * one that it goes with; `exception`: the class of the one that is set meanwhile, or null. What the
 * sender sees: 0, or -1. */
__attribute__((visibility("default"))) int fire_event(
    void* code, int kind, const char* name, void* value, void* exception) {
  const uint8_t kinds[1] = {(uint8_t)kind};
  state states[1] = {{0, 0}};
  uint64_t version = 0;
  if (find("PyMonitoring_EnterScope") == NULL || g_symbol.enter(states, &version, kinds, 1) != 0) {
    return -2;
  }
  if (exception != NULL && find("PyErr_SetNone") != NULL) {
    g_symbol.set(exception);
  }
  if (find(name) == NULL) {
    return -2;
  }
  const int result = states[0].active ? g_symbol.fire(states, code, 0, value, value) : 0;
  if (find("PyMonitoring_ExitScope") != NULL) {
    g_symbol.exit();
  }
  return result;
}

static long g_profiled;

static int count(void* object, void* frame, int what, void* argument) {
  (void)object;
  (void)frame;
  (void)what;
  (void)argument;
  ++g_profiled;
  return 0;
}

/* Sets a profile function of the calling thread, or takes it away; how many events it has had. */
__attribute__((visibility("default"))) long profile_from_c(int on) {
  if (find("PyEval_SetProfile") != NULL) {
    g_symbol.set_profile(on ? count : NULL, NULL);
  }
  return g_profiled;
}
