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
typedef int (*fire_begin)(state*, void* code, int32_t offset);
typedef int (*fire_end)(state*, void* code, int32_t offset, void* value);
typedef void (*set_none)(void* type);

typedef int (*profile)(void* object, void* frame, int what, void* argument);
typedef void (*set_profile)(profile, void* object);

static union {
  void* object;
  enter_scope enter;
  exit_scope exit;
  fire_begin begin;
  fire_end end;
  set_none set;
  set_profile set_profile;
} g_symbol;

static void* find(const char* name) {
  g_symbol.object = dlsym(RTLD_DEFAULT, name);
  return g_symbol.object;
}

/* Sends event 0 to 3 (PY_START, PY_RESUME, PY_RETURN, PY_YIELD) of `code`; `exception` is the class
 * of the one that is set meanwhile, or null. What the sender sees: 0, or -1. */
__attribute__((visibility("default"))) int fire_event(void* code, int event, void* exception) {
  static const char* const names[] = {"_PyMonitoring_FirePyStartEvent",
                                      "_PyMonitoring_FirePyResumeEvent",
                                      "_PyMonitoring_FirePyReturnEvent",
                                      "_PyMonitoring_FirePyYieldEvent"};
  const uint8_t kind = (uint8_t)event;
  state states[1] = {{0, 0}};
  uint64_t version = 0;
  if (find("PyMonitoring_EnterScope") == NULL || g_symbol.enter(states, &version, &kind, 1) != 0) {
    return -2;
  }
  if (exception != NULL && find("PyErr_SetNone") != NULL) {
    g_symbol.set(exception);
  }
  int result = 0;
  if (states[0].active && find(names[event]) != NULL) {
    result = event < 2 ? g_symbol.begin(states, code, 0) : g_symbol.end(states, code, 0, code);
  }
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
