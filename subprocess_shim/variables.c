/* SPDX-License-Identifier: Apache-2.0
 *
 * getenv(3): a library that marks ranges by NVTX asks it, at its first range, for the tool that
 * listens. Where no other is named, and in a CPython that is recorded, that is the runtime. All
 * else is answered from the program's variables as they are; nothing is put into them.
 *
 * May be called before our constructor, by allocators too: it looks nothing up.
 */
#include "subprocess_shim/variables.h"

#include "subprocess_shim/environment.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"

__attribute__((weak)) extern char** environ;

static const char* g_nvtx;

void vtn_answer_nvtx(const char* path) { __atomic_store_n(&g_nvtx, path, __ATOMIC_RELEASE); }

VTN_EXPORT char* getenv(const char* name);

VTN_EXPORT char* getenv(const char* name) {
  if (name[0] == 0) {
    return NULL;
  }
  const char* value = &environ == NULL ? NULL : vtn_environment_get((vtn_strings)environ, name);
  if (value == NULL && name[0] == 'N' && vtn_equal(name, "NVTX_INJECTION64_PATH")) {
    value = __atomic_load_n(&g_nvtx, __ATOMIC_ACQUIRE);
  }
  return (char*)value;
}
