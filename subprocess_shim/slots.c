/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/slots.h"

#include <limits.h>

#include <asm/stat.h>

#include "subprocess_shim/claim.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/settings.h"

#define CLOCK_MONOTONIC_ID 1

static struct {
  vtn_control_page* control;
  vtn_process_slot* slots;
  uint32_t pid;           /* of the process that `slot` belongs to */
  uint32_t slot;          /* VTN_MAX_PROCESSES: it has none */
  uint32_t pid_namespace; /* of it; 0: unknown */
  int forked;             /* no exec since its fork */
  uint32_t flags;         /* VTN_SLOT_, of all its slots */
  uint32_t (*thread_of_word)(const void*);
  long word_offset; /* of the runtime's word in a thread, from the thread pointer; 0: unknown */
} g_slots;

/* Who forks, for the child: it is the thread that forked, so it finds its own. */
static __thread struct {
  uint32_t pid;
  uint32_t tid;
  uint64_t ticks; /* the child may run much later, when its parent is in another call */
} t_forker __attribute__((tls_model("initial-exec")));

uint64_t vtn_ticks(void) {
  if (g_slots.control->clock_kind == VTN_CLOCK_TSC) {
    return __builtin_ia32_rdtsc();
  }
  struct {
    long seconds;
    long nanoseconds;
  } now = {0, 0};
  (void)vtn_call3(SYS_clock_gettime, CLOCK_MONOTONIC_ID, (long)&now, 0);
  return (uint64_t)now.seconds * 1000000000u + (uint64_t)now.nanoseconds;
}

vtn_control_page* vtn_control(void) { return g_slots.control; }

static uint32_t parent_pid(void) { return (uint32_t)vtn_call3(SYS_getppid, 0, 0, 0); }

/* The look at /proc takes 10 us in a new process, more than all else, and only the first process of
 * a namespace can be in another than its parent, which it does not see. */
static uint32_t pid_namespace(void) {
  vtn_control_page* control = g_slots.control;
  const uint32_t parent = parent_pid();
  if (parent != 0) {
    if (g_slots.pid_namespace != 0 && (vtn_pid() == g_slots.pid || parent == g_slots.pid)) {
      return g_slots.pid_namespace;
    }
    if (__atomic_load_n(&control->namespaces_vary, __ATOMIC_RELAXED) == 0) {
      return control->pid_namespace;
    }
  }
  struct stat info;
  if (vtn_call4(SYS_newfstatat, AT_FDCWD, (long)"/proc/self/ns/pid", (long)&info, 0) != 0) {
    return 0;
  }
  if ((uint32_t)info.st_ino != control->pid_namespace) {
    __atomic_store_n(&control->namespaces_vary, 1, __ATOMIC_RELAXED);
  }
  return (uint32_t)info.st_ino;
}

/* ---- publishing */

static void tell_collector(int urgent) {
  vtn_control_page* control = g_slots.control;
  (void)__atomic_fetch_add(&control->full_chunks, 1, __ATOMIC_RELEASE);
  const uint32_t waiting = __atomic_load_n(&control->collector_waiting, __ATOMIC_RELAXED);
  if (waiting == VTN_COLLECTOR_ASLEEP || (urgent && waiting == VTN_COLLECTOR_DOZING)) {
    (void)vtn_call3(SYS_futex, (long)&control->full_chunks, FUTEX_WAKE, 1);
  }
}

static void publish(vtn_process_slot* slot, uint32_t state) {
  __atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
  /* Which pid one of another namespace has elsewhere can only be seen while it lives. */
  tell_collector(slot->pid_namespace != g_slots.control->pid_namespace);
}

/* ---- text */

/* Appends with its NUL, cut where the slot ends. */
static void append(vtn_process_slot* slot, const char* text) {
  uint32_t at = slot->text_bytes;
  for (; at + 1 < VTN_SLOT_TEXT_BYTES && *text != 0; ++text) {
    slot->text[at++] = *text;
  }
  if (at < VTN_SLOT_TEXT_BYTES) {
    slot->text[at++] = 0;
  }
  slot->text_bytes = at;
}

static void append_all(vtn_process_slot* slot, vtn_strings argv) {
  for (size_t i = 0; argv != NULL && argv[i] != NULL; ++i) {
    append(slot, argv[i]);
  }
}

/* Whether the kernel takes this process for our embed host. */
static int is_host(void) {
  const vtn_control_page* control = g_slots.control;
  struct stat info;
  return control->host_inode != 0 &&
         vtn_call4(SYS_newfstatat, AT_FDCWD, (long)"/proc/self/exe", (long)&info, 0) == 0 &&
         info.st_ino == control->host_inode && info.st_dev == control->host_device;
}

static uint32_t own_executable(char* to, uint32_t bytes) {
  const char* interpreter = g_slots.control->host;
  const size_t length = vtn_length(interpreter);
  if (length != 0 && length <= bytes && is_host()) {
    vtn_copy(to, interpreter, length);
    return (uint32_t)length;
  }
  const long read = vtn_call4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)to, bytes);
  return read > 0 ? (uint32_t)read : 0;
}

static void write_own_text(vtn_process_slot* slot, vtn_strings argv) {
  slot->text_bytes = own_executable(slot->text, VTN_SLOT_TEXT_BYTES / 2);
  append(slot, "");
  if (argv != NULL) {
    append_all(slot, argv);
    return;
  }
  const long fd = vtn_open(AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
  if (fd < 0) {
    return;
  }
  const long got = vtn_call3(
      SYS_read, fd, (long)(slot->text + slot->text_bytes), VTN_SLOT_TEXT_BYTES - slot->text_bytes);
  vtn_close(fd);
  if (got > 0) {
    slot->text_bytes += (uint32_t)got;
    slot->text[slot->text_bytes - 1] = 0;
  }
}

/* ---- slots of this process */

static vtn_process_slot* slot_at(uint32_t index) {
  return index < VTN_MAX_PROCESSES ? &g_slots.slots[index] : NULL;
}

static uint32_t claim_own(
    uint32_t kind, uint32_t parent, uint32_t parent_tid, uint64_t start_ticks, vtn_strings argv) {
  const uint32_t index = vtn_claim_slot(g_slots.control, g_slots.slots);
  if (index == VTN_MAX_PROCESSES) {
    (void)__atomic_fetch_add(&g_slots.control->unslotted, 1, __ATOMIC_RELAXED);
    return index;
  }
  vtn_process_slot* slot = &g_slots.slots[index];
  slot->kind = kind;
  slot->flags = g_slots.flags;
  slot->pid = vtn_pid();
  slot->parent_pid = parent;
  slot->parent_tid = parent_tid;
  slot->pid_namespace = pid_namespace();
  slot->start_ticks = start_ticks;
  if (kind == VTN_SLOT_IMAGE) {
    write_own_text(slot, argv);
  }
  const int unwanted =
      kind == VTN_SLOT_FORKED && (g_slots.control->options & VTN_OPTION_ONLY_PROGRAM) != 0;
  if (unwanted) {
    slot->reason = VTN_UNTRACED_NOT_WANTED;
  }
  publish(slot, unwanted ? VTN_SLOT_UNTRACED : VTN_SLOT_PRESENT);
  return index;
}

/* Of a start there is a slot as well, but that is not the process's own. */
static uint32_t find(uint32_t pid) {
  const uint32_t high = __atomic_load_n(&g_slots.control->process_high_water, __ATOMIC_ACQUIRE);
  uint32_t space = 0;
  uint32_t found = VTN_MAX_PROCESSES;
  for (uint32_t i = 0; i < high && i < VTN_MAX_PROCESSES; ++i) {
    vtn_process_slot* slot = &g_slots.slots[i];
    if (slot->pid != pid) {
      continue;
    }
    const uint32_t state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
    if (state < VTN_SLOT_PRESENT || state > VTN_SLOT_UNTRACED || slot->kind == VTN_SLOT_START ||
        slot->exit_known != 0) {
      continue;
    }
    if (space == 0) {
      space = pid_namespace();
    }
    /* The latest image of several: its pid had others before an exec. */
    if (slot->pid_namespace == space &&
        (found == VTN_MAX_PROCESSES || g_slots.slots[found].start_ticks < slot->start_ticks)) {
      found = i;
    }
  }
  return found;
}

/* The thread that this vfork child has its memory from, where the runtime knows it. */
static uint32_t thread_of_memory(void) {
  if (g_slots.thread_of_word == NULL) {
    return 0;
  }
  char* thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  const void* word = *(const void**)(thread_pointer + g_slots.word_offset);
  return word == NULL ? 0 : g_slots.thread_of_word(word);
}

static uint32_t own_index(void) {
  const uint32_t pid = vtn_pid();
  if (pid == g_slots.pid) {
    return g_slots.slot;
  }
  /* Made by vfork, _Fork or a bare clone, which run no handlers. It may share our memory with its
   * parent, so nothing is remembered. */
  const uint32_t found = find(pid);
  return found != VTN_MAX_PROCESSES
             ? found
             : claim_own(VTN_SLOT_FORKED, parent_pid(), thread_of_memory(), vtn_ticks(), NULL);
}

vtn_process_slot* vtn_own_slot(void) {
  return g_slots.control == NULL ? NULL : slot_at(own_index());
}

vtn_process_slot* vtn_find_slot(uint32_t pid) {
  if (g_slots.control == NULL) {
    return NULL;
  }
  return slot_at(pid == g_slots.pid ? g_slots.slot : find(pid));
}

int vtn_not_wanted(int child) {
  return g_slots.control != NULL && (g_slots.control->options & VTN_OPTION_ONLY_PROGRAM) != 0 &&
         (child || g_slots.forked || vtn_pid() != g_slots.pid);
}

static uint32_t process_slot(void) { return vtn_not_wanted(0) ? VTN_MAX_PROCESSES : own_index(); }

void vtn_slots_found_python(void) {
  g_slots.flags |= VTN_SLOT_PYTHON;
  vtn_process_slot* slot = vtn_own_slot();
  if (slot != NULL) {
    (void)__atomic_fetch_or(&slot->flags, VTN_SLOT_PYTHON, __ATOMIC_RELEASE);
  }
}

void vtn_slots_describe(vtn_runtime_args* args) {
  args->control = g_slots.control;
  args->process_slot = process_slot;
  args->executable = own_executable;
  args->thread_of_word = &g_slots.thread_of_word;
  g_slots.word_offset = args->tls_offset;
}

/* ---- what this process starts */

vtn_process_slot* vtn_claim_start(const vtn_slot_text* text) {
  const uint32_t index =
      g_slots.control == NULL ? VTN_MAX_PROCESSES : vtn_claim_slot(g_slots.control, g_slots.slots);
  if (index == VTN_MAX_PROCESSES) {
    return NULL;
  }
  vtn_process_slot* slot = &g_slots.slots[index];
  slot->kind = VTN_SLOT_START;
  slot->reason = text->reason;
  slot->parent_pid = vtn_pid();
  slot->parent_tid = vtn_tid();
  slot->pid_namespace = pid_namespace();
  slot->start_ticks = vtn_ticks();
  if (text->reason != VTN_UNTRACED_NONE) {
    /* It may be the first of a namespace, and tell nobody. */
    __atomic_store_n(&g_slots.control->namespaces_vary, 1, __ATOMIC_RELAXED);
  }
  append(slot, text->file);
  append_all(slot, text->argv);
  return slot;
}

void vtn_publish_start(vtn_process_slot* start, uint32_t pid) {
  if (start == NULL) {
    return;
  }
  start->pid = pid;
  if (start->reason != VTN_UNTRACED_NONE) {
    publish(start, VTN_SLOT_PRESENT);
    return;
  }
  /* The program itself will wake the collector: twice is more than a short one should pay. */
  __atomic_store_n(&start->state, VTN_SLOT_PRESENT, __ATOMIC_RELEASE);
}

void vtn_withdraw_start(vtn_process_slot* start, uint64_t ticks) {
  if (start == NULL || start->start_ticks != ticks || start->kind != VTN_SLOT_START) {
    return; /* the collector has taken it, and it may be another's by now */
  }
  uint32_t state = __atomic_load_n(&start->state, __ATOMIC_ACQUIRE);
  if ((state == VTN_SLOT_CLAIMED || state == VTN_SLOT_PRESENT) &&
      __atomic_compare_exchange_n(
          &start->state, &state, VTN_SLOT_WITHDRAWN, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    tell_collector(0);
  }
}

void vtn_leave_attached(const vtn_process_slot* own, int count) {
  if (own == NULL || (own->flags & VTN_SLOT_ATTACHED) == 0) {
    return;
  }
  vtn_control_page* control = g_slots.control;
  (void)__atomic_fetch_add(&control->late_ended, (uint32_t)count, __ATOMIC_RELEASE);
  (void)vtn_call3(SYS_futex, (long)&control->late_ended, FUTEX_WAKE, INT_MAX);
}

/* ---- the life of this process */

static void before_fork(void) {
  t_forker.pid = vtn_pid();
  t_forker.tid = vtn_tid();
  if (g_slots.control != NULL) {
    t_forker.ticks = vtn_ticks();
    (void)__atomic_fetch_add(&g_slots.control->forks_begun, 1, __ATOMIC_RELAXED);
  }
}

static void in_forked_child(void) {
  g_slots.pid_namespace = pid_namespace();
  g_slots.pid = vtn_pid();
  g_slots.forked = 1;
  g_slots.slot = claim_own(VTN_SLOT_FORKED, t_forker.pid, t_forker.tid, t_forker.ticks, NULL);
  (void)__atomic_fetch_add(&g_slots.control->forks_met, 1, __ATOMIC_RELEASE);
}

static void say_ending(vtn_process_slot* slot) {
  (void)__atomic_fetch_or(&slot->flags, VTN_SLOT_ENDING, __ATOMIC_RELAXED);
}

/* In a process that is about to end of its own will. */
static void tell_exit(int code) {
  vtn_process_slot* slot = vtn_find_slot(vtn_pid());
  if (slot != NULL) {
    say_ending(slot);
    slot->exit_status = (uint32_t)(code & 0xff) << 8;
    slot->exit_ticks = vtn_ticks();
    __atomic_store_n(&slot->exit_known, 1, __ATOMIC_RELEASE);
  }
}

static void at_exit(int code, void* unused) {
  (void)unused;
  tell_exit(code);
}

/* Where there is no on_exit (musl), the status is for others to tell. */
__attribute__((destructor)) static void before_end(void) {
  vtn_process_slot* slot = vtn_find_slot(vtn_pid());
  if (slot != NULL) {
    say_ending(slot);
  }
}

__attribute__((noreturn)) static void end_now(int code) {
  tell_exit(code);
  if (vtn_libc()->exit_now != NULL) {
    g_libc.exit_now(code);
  }
  for (;;) {
    (void)vtn_call3(SYS_exit_group, code, 0, 0);
  }
}

VTN_EXPORT __attribute__((noreturn)) void _exit(int code) { end_now(code); }

VTN_EXPORT __attribute__((noreturn)) void _Exit(int code) { end_now(code); }

static void watch_life(void) {
  typedef int (*register_atfork_fn)(void (*)(void), void (*)(void), void (*)(void), void*);
  typedef int (*pthread_atfork_fn)(void (*)(void), void (*)(void), void (*)(void));
  typedef int (*on_exit_fn)(void (*)(int, void*), void*);
  const register_atfork_fn register_atfork =
      (register_atfork_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "__register_atfork");
  if (register_atfork != NULL) {
    (void)register_atfork(before_fork, NULL, in_forked_child, NULL);
  } else {
    const pthread_atfork_fn pthread_atfork =
        (pthread_atfork_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "pthread_atfork");
    if (pthread_atfork != NULL) {
      (void)pthread_atfork(before_fork, NULL, in_forked_child);
    }
  }
  const on_exit_fn on_exit = (on_exit_fn)vtn_dlsym(VTN_RTLD_DEFAULT, "on_exit");
  if (on_exit != NULL) {
    (void)on_exit(at_exit, NULL);
  }
}

static vtn_control_page* map_control(const char* session_folder) {
  char path[VTN_PATH_BYTES + sizeof("/control")];
  const size_t folder = vtn_length(session_folder);
  if (folder >= VTN_PATH_BYTES) {
    return NULL;
  }
  vtn_copy(path, session_folder, folder);
  vtn_copy(path + folder, "/control", sizeof("/control"));
  const long fd = vtn_open(AT_FDCWD, path, O_RDWR);
  if (fd < 0) {
    return NULL;
  }
  struct stat info;
  long at = -1;
  if (vtn_call3(SYS_fstat, fd, (long)&info, 0) == 0 &&
      (uint64_t)info.st_size >= VTN_CONTROL_BYTES) {
    /* In the place of an earlier session's, which other threads may be looking at. */
    at = vtn_call6(SYS_mmap,
                   (long)g_slots.control,
                   (long)VTN_CONTROL_BYTES,
                   PROT_READ | PROT_WRITE,
                   MAP_SHARED | (g_slots.control != NULL ? MAP_FIXED : 0),
                   fd,
                   0);
  }
  vtn_close(fd);
  if (at < 0 && at > -4096) {
    return NULL;
  }
  const vtn_control_page* control = (const vtn_control_page*)at;
  if (control->magic != VTN_CONTROL_MAGIC || control->abi_version != VTN_SESSION_ABI_VERSION) {
    if (g_slots.control == NULL) {
      vtn_unmap((void*)at, VTN_CONTROL_BYTES);
    }
    return NULL;
  }
  (void)vtn_call3(SYS_madvise, at, (long)VTN_CONTROL_BYTES, MADV_DONTDUMP);
  return (vtn_control_page*)at;
}

int vtn_slots_enter(const char* session_folder,
                    vtn_strings argv,
                    int ends_silently,
                    int runs_already) {
  vtn_control_page* control = map_control(session_folder);
  if (control == NULL) {
    return 0;
  }
  const int is_first = g_slots.control == NULL;
  vtn_settings_enter(session_folder, control->settings_bytes);
  g_slots.control = control;
  g_slots.slots = (vtn_process_slot*)((char*)control + VTN_CONTROL_HEAD_BYTES);
  g_slots.pid_namespace = pid_namespace();
  g_slots.pid = vtn_pid();
  g_slots.forked = 0;
  const int attached =
      runs_already && __atomic_load_n(&control->late_wish, __ATOMIC_ACQUIRE) != VTN_LATE_BY_ITSELF;
  g_slots.flags = (ends_silently ? VTN_SLOT_ENDING : 0u) | (attached ? VTN_SLOT_ATTACHED : 0u);
  g_slots.slot = claim_own(VTN_SLOT_IMAGE, parent_pid(), 0, vtn_ticks(), argv);
  g_slots.flags &= ~(uint32_t)VTN_SLOT_ATTACHED; /* that is not its children's */
  if (is_first) {
    watch_life();
  }
  return 1;
}
