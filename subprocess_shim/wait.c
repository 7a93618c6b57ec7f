/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that tell a parent how its child ended: where the kernel tells nobody else (before
 * Linux 6.15), the child's slot is told from here.
 */
#include "subprocess_shim/wait.h"

#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/slots.h"

enum { CODE_EXITED = 1, CODE_KILLED = 2, CODE_DUMPED = 3 };

#define DUMPED_FLAG 0x80

/* siginfo_t as waitid(2) fills it in. */
typedef struct {
  int signal;
  int error;
  int code;
  int padding;
  int pid;
  unsigned uid;
  int status;
  char rest[100];
} child_info;

void vtn_child_ended(int pid, int status) {
  const int stopped = (status & 0xff) == 0x7f;
  const int continued = status == 0xffff;
  if (pid <= 0 || stopped || continued) {
    return;
  }
  vtn_process_slot* slot = vtn_find_slot((uint32_t)pid);
  if (slot != NULL) {
    slot->exit_status = (uint32_t)status;
    slot->exit_ticks = vtn_ticks();
    __atomic_store_n(&slot->exit_known, 1, __ATOMIC_RELEASE);
  }
}

VTN_EXPORT int wait(int* status) {
  int mine = 0;
  int* to = status != NULL ? status : &mine;
  const int pid = vtn_libc()->wait(to);
  if (pid > 0) {
    vtn_child_ended(pid, *to);
  }
  return pid;
}

VTN_EXPORT int waitpid(int which, int* status, int options) {
  int mine = 0;
  int* to = status != NULL ? status : &mine;
  const int pid = vtn_libc()->waitpid(which, to, options);
  if (pid > 0) {
    vtn_child_ended(pid, *to);
  }
  return pid;
}

VTN_EXPORT int wait3(int* status, int options, void* usage) {
  int mine = 0;
  int* to = status != NULL ? status : &mine;
  const int pid = vtn_libc()->wait3(to, options, usage);
  if (pid > 0) {
    vtn_child_ended(pid, *to);
  }
  return pid;
}

VTN_EXPORT int wait4(int which, int* status, int options, void* usage) {
  int mine = 0;
  int* to = status != NULL ? status : &mine;
  const int pid = vtn_libc()->wait4(which, to, options, usage);
  if (pid > 0) {
    vtn_child_ended(pid, *to);
  }
  return pid;
}

VTN_EXPORT int waitid(int which_kind, unsigned which, void* info, int options) {
  child_info mine;
  vtn_zero(&mine, sizeof(mine));
  child_info* to = info != NULL ? (child_info*)info : &mine;
  const int result = vtn_libc()->waitid(which_kind, which, to, options);
  if (result == 0 && to->pid > 0) {
    if (to->code == CODE_EXITED) {
      vtn_child_ended(to->pid, (to->status & 0xff) << 8);
    } else if (to->code == CODE_KILLED || to->code == CODE_DUMPED) {
      vtn_child_ended(to->pid, to->status | (to->code == CODE_DUMPED ? DUMPED_FLAG : 0));
    }
  }
  return result;
}
