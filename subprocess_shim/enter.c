/* SPDX-License-Identifier: Apache-2.0
 *
 * What is loaded into a process that is attached to: a copy in the session's folder, by whose path
 * it knows the session. (The shim itself can be loaded once only: the loader knows a file by its
 * inode, whatever link leads to it.) It loads the shim, or finds it there, and has it enter the
 * session. The rules of shim.c hold here too; it is taken out again by whoever it was loaded for.
 */
#include <stddef.h>

#include "abi/runtime_abi.h"
#include "subprocess_shim/raw.h"

extern int dladdr(const void* address, vtn_dl_info* info);
extern void* dlopen(const char* path, int flags);
extern void* dlsym(void* handle, const char* name);

__attribute__((constructor)) static void enter(void) {
  static const char kShim[] = "/libvtn.so";
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
  void* const shim = dlopen(path, VTN_RTLD_NOW);
  const vtn_enter_fn enter_session =
      shim == NULL ? NULL : (vtn_enter_fn)dlsym(shim, VTN_ENTER_SYMBOL);
  if (enter_session != NULL) {
    (void)enter_session(folder);
  }
}
