/* SPDX-License-Identifier: Apache-2.0
 *
 * syscall(2), by which some programs exec, and some end: these calls become those of the functions
 * that have their names. All others go to the kernel as in libc's own, which has no frame: after
 * some (clone, vfork) the stack is another one, or has been used by a child meanwhile.
 */
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"

extern int execve(const char* path, vtn_strings argv, vtn_strings environment);
extern int execveat(
    int folder, const char* path, vtn_strings argv, vtn_strings environment, int flags);
extern __attribute__((noreturn)) void _exit(int code);

/* The arguments as syscall has them. */
__attribute__((used, visibility("hidden"))) long vtn_syscall_execve(long number,
                                                                    const char* path,
                                                                    vtn_strings argv,
                                                                    vtn_strings environment) {
  (void)number;
  return execve(path, argv, environment);
}

__attribute__((used, visibility("hidden"))) long vtn_syscall_execveat(long number,
                                                                      long folder,
                                                                      const char* path,
                                                                      vtn_strings argv,
                                                                      vtn_strings environment,
                                                                      long flags) {
  (void)number;
  return execveat((int)folder, path, argv, environment, (int)flags);
}

__attribute__((used, visibility("hidden"))) long vtn_syscall_exit_group(long number, long code) {
  (void)number;
  _exit((int)code);
}

/* What the kernel returned. */
__attribute__((used, visibility("hidden"))) long vtn_syscall_failed(long result) {
  vtn_set_errno((int)-result);
  return -1;
}

_Static_assert(SYS_execve == 59 && SYS_execveat == 322 && SYS_exit_group == 231, "as below");

/* The number, then up to six arguments. C is told of none: without optimization GCC stores those of
 * a variadic function even if it is naked, into the frame of the caller. */
VTN_EXPORT __attribute__((naked)) long syscall(void) {
  __asm__(
      "cmpq $59, %rdi\n\t"
      "je vtn_syscall_execve\n\t"
      "cmpq $322, %rdi\n\t"
      "je vtn_syscall_execveat\n\t"
      "cmpq $231, %rdi\n\t"
      "je vtn_syscall_exit_group\n\t"
      "movq %rdi, %rax\n\t"
      "movq %rsi, %rdi\n\t"
      "movq %rdx, %rsi\n\t"
      "movq %rcx, %rdx\n\t"
      "movq %r8, %r10\n\t"
      "movq %r9, %r8\n\t"
      "movq 8(%rsp), %r9\n\t"
      "syscall\n\t"
      "cmpq $-4095, %rax\n\t"
      "jae 1f\n\t"
      "ret\n"
      "1:\n\t"
      "movq %rax, %rdi\n\t"
      "jmp vtn_syscall_failed");
}
