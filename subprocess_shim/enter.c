/* SPDX-License-Identifier: Apache-2.0
 *
 * What is loaded into a process that is attached to: a copy in the session's folder, by whose path
 * it knows the session. (The shim itself can be loaded once only: the loader knows a file by its
 * inode, whatever link leads to it.) It loads the shim, or finds it there, and has it enter the
 * session. A folder in another root than the launcher's has copies of the shim: of those that one
 * serves that was loaded first. The rules of shim.c hold here too; it is taken out again by whoever
 * it was loaded for.
 */
#include <stddef.h>

#include "abi/runtime_abi.h"
#include "subprocess_shim/raw.h"

extern int dladdr(const void* address, vtn_dl_info* info);
extern void* dlopen(const char* path, int flags);
extern void* dlsym(void* handle, const char* name);
/* The beginning of a struct dl_phdr_info. */
typedef struct {
  uintptr_t address;
  const char* name;
} loaded_object;
extern int dl_iterate_phdr(int (*function)(loaded_object*, size_t, void*), void* data);

static const char kShim[] = "/libvtn.so";

static int is_shim(loaded_object* object, size_t bytes, void* found) {
  const size_t length = object->name == NULL ? 0 : vtn_length(object->name);
  (void)bytes;
  if (length < sizeof(kShim) - 1 ||
      !vtn_equal(object->name + length - (sizeof(kShim) - 1), kShim)) {
    return 0;
  }
  *(const char**)found = object->name;
  return 1;
}

static void* load_shim(const char* path) {
  const char* loaded = NULL;
  char target;
  if (vtn_call3(SYS_readlink, (long)path, (long)&target, sizeof(target)) == -EINVAL &&
      dl_iterate_phdr(is_shim, &loaded) != 0) {
    return dlopen(loaded, VTN_RTLD_NOW);
  }
  return dlopen(path, VTN_RTLD_NOW);
}

__attribute__((constructor)) static void enter(void) {
  vtn_dl_info self;
  char folder[VTN_PATH_BYTES];
  char path[VTN_PATH_BYTES + sizeof(kShim)];
  if (dladdr((const void*)enter, &self) == 0 || self.file_name == NULL) {
    return;
  }
  const long slash = vtn_last_slash(self.file_name);
  if (slash <= 0 || slash >= VTN_PATH_BYTES - 1) {
    return;
  }
  vtn_copy(folder, self.file_name, (size_t)slash);
  folder[slash] = 0;
  vtn_copy(path, folder, (size_t)slash);
  vtn_copy(path + slash, kShim, sizeof(kShim));
  void* const shim = load_shim(path);
  const vtn_enter_fn enter_session =
      shim == NULL ? NULL : (vtn_enter_fn)dlsym(shim, VTN_ENTER_SYMBOL);
  if (enter_session != NULL) {
    (void)enter_session(folder);
  }
}
