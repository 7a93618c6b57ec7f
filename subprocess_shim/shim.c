/* SPDX-License-Identifier: Apache-2.0
 *
 * The preload library: present in every process of a session, whatever program it is, under glibc
 * and musl alike. In a CPython it loads the runtime; elsewhere it does next to nothing.
 *
 * Rules of this file:
 *  - C, no needed libraries, unversioned imports only: dl_iterate_phdr, by which dlsym is found,
 *    and by that everything.
 *  - No allocation, no lock, no descriptor kept, errno as it was.
 *  - Its own path names the session: LD_PRELOAD holds a symlink in the session folder, and dladdr
 *    tells which. No variable of ours is ever in the program's environment.
 *  - Whatever fails, the program runs on untraced.
 */
#include "abi/runtime_abi.h"
#include "subprocess_shim/environment.h"
#include "subprocess_shim/go_program.h"
#include "subprocess_shim/late.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/settings.h"
#include "subprocess_shim/slots.h"
#include "subprocess_shim/threads.h"
#include "subprocess_shim/variables.h"

typedef int (*dladdr_fn)(const void*, void*);
typedef int (*dladdr1_fn)(const void*, void*, void**, int);
typedef void* (*dlopen_fn)(const char*, int);
typedef char* (*setlocale_fn)(int, const char*);

/* Null where there is no CPython among what the process starts with. A dlsym that finds nothing
 * allocates its error message, which costs a short process more than all else here. */
__attribute__((weak)) extern char PySys_AddAuditHook;
__attribute__((weak)) extern char Py_GetVersion;
__attribute__((weak)) extern char Py_Main;

/* Null in another C library than glibc, which alone tells constructors the arguments. */
__attribute__((weak)) extern char gnu_get_libc_version;

static struct {
  char session[VTN_PATH_BYTES]; /* folder of our link; empty: not in a session */
  char runtime[VTN_PATH_BYTES]; /* the file that was loaded */
  int runtime_tried;
  dladdr_fn dladdr;
  dladdr1_fn dladdr1;
  dlopen_fn dlopen;
  setlocale_fn setlocale;
  void* (*module_init)(void);
  void* python;
  char** argv;
  int is_go;
  vtn_runtime_start_fn start;
} g_shim;

VTN_EXPORT int vtn_enter_session(const char* folder);

/* The folder of the session that this process is in, or an empty text: for a launcher that is
 * started within another's session. */
VTN_EXPORT const char* vtn_session_folder(void) { return g_shim.session; }

/* For the embed host: what it stands for, as the control page has it. NULL: nothing. */
VTN_EXPORT const char* vtn_embedded_python(void) {
  return vtn_control() != NULL && vtn_control()->host_inode != 0 ? vtn_control()->host : NULL;
}

/* CPython's name for what makes a module `_viztracer_native`, which is the runtime's: the native
 * part of our package. NULL without one: then nothing asks. */
VTN_EXPORT void* PyInit__viztracer_native(void) {
  return g_shim.module_init == NULL ? NULL : g_shim.module_init();
}

static const char kLink[] = "/libvtn.so";

static void link_in(const char* session, char* path) {
  const size_t bytes = vtn_length(session);
  vtn_copy(path, session, bytes);
  vtn_copy(path + bytes, kLink, sizeof(kLink));
}

/* The runtime lies beside the file that our link points to, or beside the copy that is there. */
static int runtime_path(char* path) {
  char link[VTN_PATH_BYTES + sizeof(kLink)];
  static const char kRuntime[] = "libvtn_runtime.so";
  link_in(g_shim.session, link);
  long bytes = vtn_call3(SYS_readlink, (long)link, (long)path, VTN_PATH_BYTES - 1);
  if (bytes == -EINVAL && vtn_length(link) < VTN_PATH_BYTES) {
    bytes = (long)vtn_length(link);
    vtn_copy(path, link, (size_t)bytes);
  }
  if (bytes <= 0) {
    return 0;
  }
  path[bytes] = 0;
  const long slash = vtn_last_slash(path);
  if (slash < 0 || (size_t)slash + 1 + sizeof(kRuntime) > VTN_PATH_BYTES) {
    return 0;
  }
  vtn_copy(path + slash + 1, kRuntime, sizeof(kRuntime));
  return 1;
}

static void start_runtime(void) {
  if (g_shim.start == NULL) {
    return;
  }
  vtn_slots_found_python();
  vtn_runtime_args args = {
      .abi_version = VTN_RUNTIME_ABI_VERSION,
      .size_bytes = sizeof(vtn_runtime_args),
      .session_folder = g_shim.session,
      .python = g_shim.python,
      .dlsym_fn = vtn_real_dlsym,
      .dladdr1_fn = g_shim.dladdr1,
      .module_init = &g_shim.module_init,
      .enter_session = vtn_enter_session,
      .follow = vtn_follow,
  };
  vtn_threads_describe(&args);
  vtn_settings(&args.settings, &args.settings_end);
  vtn_slots_describe(&args);
  const int recorded = g_shim.start(&args) == 0;
  const int wanted = (vtn_control()->options & VTN_OPTION_NO_LIBRARY_SPANS) == 0;
  vtn_answer_nvtx(recorded && wanted ? g_shim.runtime : NULL);
}

static void load_runtime(void* python) {
  g_shim.runtime_tried = 1;
  vtn_slots_found_python(); /* whatever comes of it */
  g_shim.dladdr1 = (dladdr1_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "dladdr1");
  g_shim.dlopen = (dlopen_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "dlopen");
  if (g_shim.dlopen == NULL || !runtime_path(g_shim.runtime)) {
    return;
  }
  void* runtime = g_shim.dlopen(g_shim.runtime, VTN_RTLD_NOW);
  if (runtime == NULL) {
    return;
  }
  g_shim.start = (vtn_runtime_start_fn)vtn_dlsym(runtime, VTN_RUNTIME_START_SYMBOL);
  g_shim.python = python;
  start_runtime();
}

/* A CPython that is in the process from the start: the executable, or a library it needs. The
 * other names are there in those that are too old for audit hooks: the runtime says so. */
static int starts_with_python(void) {
  return &PySys_AddAuditHook != NULL || (&Py_GetVersion != NULL && &Py_Main != NULL);
}

static int holds_python(void* handle) {
  return vtn_dlsym(handle, "PySys_AddAuditHook") != NULL ||
         (vtn_dlsym(handle, "Py_GetVersion") != NULL && vtn_dlsym(handle, "Py_Main") != NULL);
}

/* CPython asks for the locale before it initialises anything, wherever it lies: this is how a
 * libpython that was opened late (an embedder, our own host) is noticed in time. */
VTN_EXPORT char* setlocale(int category, const char* locale) {
  if (!g_shim.runtime_tried && g_shim.session[0] != 0) {
    vtn_dl_info caller;
    if (holds_python(VTN_RTLD_DEFAULT)) {
      load_runtime(VTN_RTLD_DEFAULT);
    } else if (g_shim.dladdr != NULL && g_shim.dladdr(__builtin_return_address(0), &caller) != 0 &&
               caller.file_name != NULL) {
      g_shim.dlopen = (dlopen_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "dlopen");
      void* object = g_shim.dlopen == NULL
                         ? NULL
                         : g_shim.dlopen(caller.file_name, VTN_RTLD_NOW | VTN_RTLD_NOLOAD);
      if (object != NULL && holds_python(object)) {
        load_runtime(object);
      }
    }
  }
  if (g_shim.setlocale == NULL) {
    g_shim.setlocale = (setlocale_fn)vtn_dlsym(VTN_RTLD_NEXT, "setlocale");
  }
  return g_shim.setlocale == NULL ? NULL : g_shim.setlocale(category, locale);
}

int vtn_enter_session(const char* folder) {
  const size_t bytes = vtn_length(folder);
  if (g_shim.session[0] != 0 && vtn_equal(folder, g_shim.session)) {
    return 1; /* as its own path has it already */
  }
  if (bytes >= VTN_PATH_BYTES - 1 || !vtn_slots_enter(folder, g_shim.argv, g_shim.is_go, 1)) {
    return 0;
  }
  vtn_copy(g_shim.session, folder, bytes + 1);
  char link[VTN_PATH_BYTES + sizeof(kLink)];
  link_in(folder, link);
  (void)vtn_environment_name(link);
  if (g_shim.runtime_tried) {
    start_runtime();
  } else if (starts_with_python()) {
    load_runtime(VTN_RTLD_DEFAULT);
  }
  return 1;
}

__attribute__((constructor)) static void enter_process(int argc, char** argv) {
  (void)argc;
  vtn_dl_info self;
  vtn_libc_find();
  g_shim.dladdr = (dladdr_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "dladdr");
  if (g_shim.dladdr == NULL || g_shim.dladdr((void*)enter_process, &self) == 0 ||
      self.file_name == NULL) {
    return;
  }
  const long slash = vtn_last_slash(self.file_name);
  if (slash <= 0 || slash >= VTN_PATH_BYTES - 1) {
    return;
  }
  const int is_go = vtn_is_go_program();
  g_shim.argv = &gnu_get_libc_version != NULL ? argv : NULL;
  g_shim.is_go = is_go;
  if (vtn_environment_name(self.file_name) && !is_go && !vtn_is_late) {
    vtn_environment_hide();
  }
  vtn_copy(g_shim.session, self.file_name, (size_t)slash);
  if (!vtn_slots_enter(g_shim.session, g_shim.argv, is_go, vtn_is_late)) {
    g_shim.session[0] = 0;
    return;
  }
  if (starts_with_python()) {
    load_runtime(VTN_RTLD_DEFAULT);
  }
}
