/* SPDX-License-Identifier: Apache-2.0
 *
 * dlsym(3): who opens the C library by its name and asks that handle for `execve` means the
 * function that everybody calls, and gets it: ours. All other questions go to the real one by a
 * jump, for what RTLD_NEXT finds depends on who calls.
 *
 * So the real one cannot be imported. It is found as the loader would find it: in the first object
 * behind this one that has it.
 */
#include "subprocess_shim/late.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/objects.h"
#include "subprocess_shim/raw.h"

vtn_dlsym_fn vtn_real_dlsym;
int vtn_is_late;

static void* finds_nothing(void* handle, const char* name) {
  (void)handle;
  (void)name;
  return NULL;
}

__attribute__((used)) vtn_dlsym_fn vtn_find_real_dlsym(void) {
  void* found = vtn_find_defined("dlsym", 1);
  if (found == NULL) {
    vtn_is_late = 1;
    found = vtn_find_defined("dlsym", 0);
  }
  vtn_real_dlsym = found != NULL ? (vtn_dlsym_fn)found : finds_nothing;
  return vtn_real_dlsym;
}

VTN_EXPORT void* dlsym(void* handle, const char* name);

/* Ours, by the name. They are called as what they are by those who asked. */
static void* ours(const char* name) {
#define IS(function)                  \
  {                                   \
    extern void function(void);       \
    if (vtn_equal(name, #function)) { \
      return (void*)function;         \
    }                                 \
  }
  switch (name[0]) {
    case 'd':
      return vtn_equal(name, "dlsym") ? (void*)dlsym : NULL;
    case 'e':
      IS(execve)
      IS(execv) IS(execvp) IS(execvpe) IS(execl) IS(execlp) IS(execle) IS(execveat) break;
    case 'f':
      IS(fexecve) IS(fclose) break;
    case 'p':
      IS(posix_spawn) IS(posix_spawnp) IS(pidfd_spawn) IS(pidfd_spawnp) IS(popen) IS(pclose) break;
    case 's':
      IS(system) IS(syscall) break;
    case '_':
      IS(_exit) IS(_Exit) break;
    default:
      break;
  }
#undef IS
  return NULL;
}

/* What is to be answered instead of what is found; NULL: nothing. */
__attribute__((used, visibility("hidden"))) void* vtn_dlsym_instead(void* handle,
                                                                    const char* name) {
  vtn_follow_from_new_objects();
  void* own = name == NULL || !vtn_follows() ? NULL : ours(name);
  if (own == NULL) {
    return NULL;
  }
  /* Only if the handle leads to the very function that ours stands before. */
  void* found = vtn_dlsym(handle, name);
  return found != NULL && found == vtn_dlsym(VTN_RTLD_NEXT, name) ? own : NULL;
}

/* RTLD_DEFAULT and RTLD_NEXT, 0 and -1, are answered rightly by the real one. */
VTN_EXPORT __attribute__((naked)) void* dlsym(void* handle VTN_UNUSED,
                                              const char* name VTN_UNUSED) {
  __asm__(
      "leaq 1(%rdi), %rax\n\t"
      "cmpq $1, %rax\n\t"
      "jbe 1f\n\t"
      "pushq %rdi\n\t"
      "pushq %rsi\n\t"
      "subq $8, %rsp\n\t"
      "call vtn_dlsym_instead\n\t"
      "addq $8, %rsp\n\t"
      "popq %rsi\n\t"
      "popq %rdi\n\t"
      "testq %rax, %rax\n\t"
      "jnz 2f\n"
      "1:\n\t"
      "movq vtn_real_dlsym(%rip), %rax\n\t"
      "testq %rax, %rax\n\t"
      "jz 3f\n\t"
      "jmp *%rax\n"
      "2:\n\t"
      "ret\n"
      "3:\n\t"
      "pushq %rdi\n\t"
      "pushq %rsi\n\t"
      "subq $8, %rsp\n\t"
      "call vtn_find_real_dlsym\n\t"
      "addq $8, %rsp\n\t"
      "popq %rsi\n\t"
      "popq %rdi\n\t"
      "jmp *%rax");
}
