/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime needs to know of the program's threads: a word of its own in each, when one
 * comes to be known to CPython, and the end of one. The rules of shim.c hold here too.
 */
#include "subprocess_shim/threads.h"

#include <stddef.h>
#include <stdint.h>

#include "subprocess_shim/libc.h"

#define INVALID_ARGUMENT 22 /* EINVAL */

typedef int (*key_create_fn)(unsigned*, void (*)(void*));
typedef int (*setspecific_fn)(unsigned, const void*);

/* The runtime's word in every thread. Initial-exec: the library is there from the start, so its
 * block is in the static area, and an access is one instruction. */
static __thread void* t_runtime_word __attribute__((tls_model("initial-exec")));

static struct {
  setspecific_fn setspecific;
  void (*on_thread_value)(const void*);
  void (*on_thread_exit)(void*);
  unsigned exit_key;
  int has_exit_key;
} g_threads;

static void find_setspecific(void) {
  g_threads.setspecific = (setspecific_fn)vtn_dlsym(VTN_RTLD_NEXT, "pthread_setspecific");
}

static void thread_exit(void* value) {
  t_runtime_word = NULL;
  if (g_threads.on_thread_exit != NULL) {
    g_threads.on_thread_exit(value);
  }
}

static void watch_thread_exit(void* value) {
  if (g_threads.has_exit_key) {
    (void)g_threads.setspecific(g_threads.exit_key, value);
  }
}

/* CPython keeps a thread's state in a key: its value is set on the thread itself as soon as the
 * state is there, whoever started the thread, and before it runs anything. */
VTN_EXPORT int pthread_setspecific(unsigned key, const void* value) {
  if (g_threads.setspecific == NULL) {
    find_setspecific();
    if (g_threads.setspecific == NULL) {
      return INVALID_ARGUMENT;
    }
  }
  const int result = g_threads.setspecific(key, value);
  void (*const hook)(const void*) = __atomic_load_n(&g_threads.on_thread_value, __ATOMIC_ACQUIRE);
  if (hook != NULL && value != NULL && result == 0) {
    hook(value);
  }
  return result;
}

void vtn_threads_describe(vtn_runtime_args* args) {
  find_setspecific();
  const key_create_fn key_create = (key_create_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "pthread_key_create");
  if (!g_threads.has_exit_key) { /* once, whatever session comes next */
    g_threads.has_exit_key = key_create != NULL && g_threads.setspecific != NULL &&
                             key_create(&g_threads.exit_key, thread_exit) == 0;
  }
  char* thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  args->tls_offset = (char*)&t_runtime_word - thread_pointer;
  args->on_thread_value = &g_threads.on_thread_value;
  args->on_thread_exit = &g_threads.on_thread_exit;
  args->watch_thread_exit = watch_thread_exit;
}
