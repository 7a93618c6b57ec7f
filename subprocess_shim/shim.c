/* SPDX-License-Identifier: Apache-2.0
 *
 * The preload library: present in every process of a session, whatever program it is, under glibc
 * and musl alike. In a CPython it loads the runtime; elsewhere it does next to nothing.
 *
 * Rules of this file:
 *  - C, no needed libraries, unversioned imports only (dlsym), everything else found through it.
 *  - No allocation, no lock, no descriptor kept, errno as it was.
 *  - Its own path names the session: LD_PRELOAD holds a symlink in the session folder, and dladdr
 *    tells which. No variable of ours is ever in the program's environment.
 *  - Whatever fails, the program runs on untraced.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "subprocess_shim/runtime_abi.h"
#include "subprocess_shim/threads.h"

#define EXPORT __attribute__((visibility("default")))
#define PATH_BYTES 1024

extern void* dlsym(void* handle, const char* name);

/* As <dlfcn.h> has them, which would bring in versioned prototypes. */
#define RTLD_DEFAULT_HANDLE ((void*)0)
#define RTLD_NEXT_HANDLE ((void*)-1l)
#define RTLD_NOW_FLAG 2
#define RTLD_NOLOAD_FLAG 4
typedef struct {
  const char* file_name;
  void* file_base;
  const char* symbol_name;
  void* symbol_address;
} dl_info;

typedef int (*dladdr_fn)(const void*, void*);
typedef int (*dladdr1_fn)(const void*, void*, void**, int);
typedef void* (*dlopen_fn)(const char*, int);
typedef char* (*setlocale_fn)(int, const char*);

static struct {
  char session[PATH_BYTES]; /* folder of the link we were loaded through; empty: not in a session */
  int runtime_tried;
  dladdr_fn dladdr;
  dladdr1_fn dladdr1;
  dlopen_fn dlopen;
  setlocale_fn setlocale;
} g_shim;

static long syscall3(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

static size_t length(const char* text) {
  size_t n = 0;
  while (text[n] != 0) {
    ++n;
  }
  return n;
}

static int starts_with(const char* text, const char* prefix) {
  while (*prefix != 0) {
    if (*text++ != *prefix++) {
      return 0;
    }
  }
  return 1;
}

static void move_bytes(char* to, const char* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    to[i] = from[i];
  }
}

/* Index of the last slash, or -1. */
static long last_slash(const char* path) {
  long at = -1;
  for (long i = 0; path[i] != 0; ++i) {
    if (path[i] == '/') {
      at = i;
    }
  }
  return at;
}

/* Takes our entry, the last one, out of LD_PRELOAD: what the program reads as its environment is
 * what it would be without us. The value is shortened where it stands; a variable that the user
 * did not have (ours is its only entry) goes away whole. */
static void leave_environment(const char* own_path) {
  char*** environ_word = (char***)dlsym(RTLD_DEFAULT_HANDLE, "environ");
  if (environ_word == NULL || *environ_word == NULL) {
    return;
  }
  for (char** entry = *environ_word; *entry != NULL; ++entry) {
    if (!starts_with(*entry, "LD_PRELOAD=")) {
      continue;
    }
    char* value = *entry + sizeof("LD_PRELOAD=") - 1;
    const size_t bytes = length(value);
    const size_t own = length(own_path);
    if (bytes < own || !starts_with(value + bytes - own, own_path)) {
      continue;
    }
    if (bytes == own) {
      for (char** to = entry; (*to = to[1]) != NULL; ++to) {
      }
      --entry;
    } else if (value[bytes - own - 1] == ':') {
      value[bytes - own - 1] = 0;
    }
  }
}

/* The installed runtime lies beside the file that our link points to. */
static int runtime_path(char* path) {
  char link[PATH_BYTES + 16];
  const size_t folder = length(g_shim.session);
  static const char kLink[] = "/libvtn.so";
  static const char kRuntime[] = "libvtn_runtime.so";
  move_bytes(link, g_shim.session, folder);
  move_bytes(link + folder, kLink, sizeof(kLink));
  const long bytes = syscall3(SYS_readlink, (long)link, (long)path, PATH_BYTES - 1);
  if (bytes <= 0) {
    return 0;
  }
  path[bytes] = 0;
  const long slash = last_slash(path);
  if (slash < 0 || (size_t)slash + 1 + sizeof(kRuntime) > PATH_BYTES) {
    return 0;
  }
  move_bytes(path + slash + 1, kRuntime, sizeof(kRuntime));
  return 1;
}

static void load_runtime(void* python) {
  char path[PATH_BYTES];
  g_shim.runtime_tried = 1;
  g_shim.dlopen = (dlopen_fn)dlsym(RTLD_DEFAULT_HANDLE, "dlopen");
  if (g_shim.dlopen == NULL || !runtime_path(path)) {
    return;
  }
  void* runtime = g_shim.dlopen(path, RTLD_NOW_FLAG);
  if (runtime == NULL) {
    return;
  }
  const vtn_runtime_start_fn start = (vtn_runtime_start_fn)dlsym(runtime, VTN_RUNTIME_START_SYMBOL);
  if (start == NULL) {
    return;
  }
  vtn_runtime_args args = {
      .abi_version = VTN_RUNTIME_ABI_VERSION,
      .size_bytes = sizeof(vtn_runtime_args),
      .session_folder = g_shim.session,
      .python = python,
      .dlsym_fn = dlsym,
      .dladdr_fn = g_shim.dladdr,
      .dladdr1_fn = g_shim.dladdr1,
  };
  vtn_threads_describe(&args);
  (void)start(&args);
}

/* A CPython that is in the process from the start: the executable, or a library it needs. The
 * second name is there in those that are too old for audit hooks: the runtime says so. */
static int holds_python(void* handle) {
  return dlsym(handle, "PySys_AddAuditHook") != NULL ||
         (dlsym(handle, "Py_GetVersion") != NULL && dlsym(handle, "Py_Main") != NULL);
}

/* CPython asks for the locale before it initialises anything, wherever it lies: this is how a
 * libpython that was opened late (an embedder, our own host) is noticed in time. */
EXPORT char* setlocale(int category, const char* locale) {
  if (!g_shim.runtime_tried && g_shim.session[0] != 0) {
    dl_info caller;
    if (holds_python(RTLD_DEFAULT_HANDLE)) {
      load_runtime(RTLD_DEFAULT_HANDLE);
    } else if (g_shim.dladdr != NULL && g_shim.dladdr(__builtin_return_address(0), &caller) != 0 &&
               caller.file_name != NULL) {
      g_shim.dlopen = (dlopen_fn)dlsym(RTLD_DEFAULT_HANDLE, "dlopen");
      void* object = g_shim.dlopen == NULL
                         ? NULL
                         : g_shim.dlopen(caller.file_name, RTLD_NOW_FLAG | RTLD_NOLOAD_FLAG);
      if (object != NULL && holds_python(object)) {
        load_runtime(object);
      }
    }
  }
  if (g_shim.setlocale == NULL) {
    g_shim.setlocale = (setlocale_fn)dlsym(RTLD_NEXT_HANDLE, "setlocale");
  }
  return g_shim.setlocale == NULL ? NULL : g_shim.setlocale(category, locale);
}

__attribute__((constructor)) static void enter_process(void) {
  dl_info self;
  vtn_threads_find();
  g_shim.setlocale = (setlocale_fn)dlsym(RTLD_NEXT_HANDLE, "setlocale");
  g_shim.dladdr = (dladdr_fn)dlsym(RTLD_DEFAULT_HANDLE, "dladdr");
  g_shim.dladdr1 = (dladdr1_fn)dlsym(RTLD_DEFAULT_HANDLE, "dladdr1");
  if (g_shim.dladdr == NULL || g_shim.dladdr((void*)enter_process, &self) == 0 ||
      self.file_name == NULL) {
    return;
  }
  const long slash = last_slash(self.file_name);
  if (slash <= 0 || slash >= PATH_BYTES - 1) {
    return;
  }
  move_bytes(g_shim.session, self.file_name, (size_t)slash);
  g_shim.session[slash] = 0;
  leave_environment(self.file_name);
  if (holds_python(RTLD_DEFAULT_HANDLE)) {
    load_runtime(RTLD_DEFAULT_HANDLE);
  }
}
