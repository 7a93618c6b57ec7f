/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/late.h"

#include "subprocess_shim/imports.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/shell.h"
#include "subprocess_shim/slots.h"

enum { MOST_TURNS = 32 };

__attribute__((weak)) extern char gnu_get_libc_version;

static struct {
  int wanted;
  uint64_t loads; /* vtn_object.loads, when all objects had been seen */
} g_late;

int vtn_follows(void) {
  return vtn_control() != NULL &&
         (!vtn_is_late || __atomic_load_n(&g_late.wanted, __ATOMIC_ACQUIRE));
}

typedef struct {
  vtn_turn turns[MOST_TURNS];
  size_t count;
  int only_new;
  int all; /* so far */
  uint64_t loads;
} walk;

static void add(walk* result, int follow, const char* name, void* ours) {
  void* plain = vtn_dlsym(VTN_RTLD_NEXT, name);
  if (plain == NULL) {
    return;
  }
  const vtn_turn turn = {name, follow ? plain : ours, follow ? ours : plain, follow};
  result->turns[result->count++] = turn;
}

/* The functions that what a program starts is followed by. */
static void list_turns(walk* result, int follow) {
#define STAND_BEFORE(function)                       \
  {                                                  \
    extern void function(void);                      \
    add(result, follow, #function, (void*)function); \
  }
  STAND_BEFORE(execve)
  STAND_BEFORE(execv)
  STAND_BEFORE(execvp)
  STAND_BEFORE(execvpe)
  STAND_BEFORE(execl)
  STAND_BEFORE(execlp)
  STAND_BEFORE(execle)
  STAND_BEFORE(execveat)
  STAND_BEFORE(fexecve)
  STAND_BEFORE(posix_spawn)
  STAND_BEFORE(posix_spawnp)
  STAND_BEFORE(pidfd_spawn)
  STAND_BEFORE(pidfd_spawnp)
  STAND_BEFORE(syscall)
  STAND_BEFORE(dlsym)
  STAND_BEFORE(wait)
  STAND_BEFORE(waitpid)
  STAND_BEFORE(wait3)
  STAND_BEFORE(wait4)
  STAND_BEFORE(waitid)
  STAND_BEFORE(_exit)
  STAND_BEFORE(_Exit)
  if (follow || !vtn_shell_is_busy()) {
    STAND_BEFORE(system)
    STAND_BEFORE(popen)
    STAND_BEFORE(pclose)
    STAND_BEFORE(fclose)
  }
#undef STAND_BEFORE
}

static int visit(vtn_object* object, size_t bytes, void* data) {
  walk* each = (walk*)data;
  (void)bytes;
  if (each->count == 0) {
    /* The first object, with the list held: whoever changes what is wanted comes after us. */
    each->loads = object->loads;
    if (each->only_new && g_late.loads == object->loads) {
      return 1;
    }
    list_turns(each, __atomic_load_n(&g_late.wanted, __ATOMIC_ACQUIRE));
  }
  if (!vtn_is_within(object, (uint64_t)visit)) {
    each->all &= vtn_turn_imports(object, each->turns, each->count);
  }
  return 0;
}

static void look_at_objects(int only_new) {
  walk each;
  each.count = 0;
  each.only_new = only_new;
  each.all = 1;
  vtn_visit_objects(visit, &each);
  if (each.count != 0) {
    g_late.loads = each.all ? each.loads : 0;
  }
}

void vtn_follow(int wanted) {
  if (!vtn_is_late || &gnu_get_libc_version == NULL) {
    return;
  }
  (void)vtn_libc_for_shells(); /* not in a child */
  if (__atomic_exchange_n(&g_late.wanted, wanted, __ATOMIC_ACQ_REL) != wanted) {
    look_at_objects(0);
  }
}

void vtn_follow_from_new_objects(void) {
  if (vtn_is_late && __atomic_load_n(&g_late.wanted, __ATOMIC_ACQUIRE)) {
    look_at_objects(1);
  }
}

void vtn_follow_no_more(void) {
  if (vtn_is_late && !__atomic_load_n(&g_late.wanted, __ATOMIC_ACQUIRE)) {
    look_at_objects(0);
  }
}
