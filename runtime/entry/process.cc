// SPDX-License-Identifier: Apache-2.0
#include "runtime/entry/process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/freestanding/atomic.h"
#include "base/freestanding/pages.h"
#include "base/freestanding/syscalls.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/budget.h"
#include "runtime/capture/c_profilers.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/profile_threads.h"
#include "runtime/capture/program_names.h"
#include "runtime/capture/thread_part.h"
#include "runtime/variables/comment_marks.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

constexpr size_t kPathBytes = 1200;

struct {
  vtn_runtime_args args;
  tracer::Arena arena;
  RuntimeRoot* root;
  Backend backend;
  bool untraced;
  char shim_path[kPathBytes];
} g_process;

// Reads up to `bytes` of a file; the descriptor is open for the length of this call only.
size_t read_file(const char* path, char* to, size_t bytes) {
  const long fd = raw_syscall(
      SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    return 0;
  }
  size_t done = 0;
  while (done < bytes) {
    const long got = raw_syscall(
        SYS_read, fd, reinterpret_cast<long>(to + done), static_cast<long>(bytes - done));
    if (got <= 0) {
      break;
    }
    done += static_cast<size_t>(got);
  }
  (void)raw_syscall(SYS_close, fd);
  return done;
}

// Maps the session's arena. Null: there is no room in the address space, or no file any more.
void* map_arena(uint64_t arena_bytes) {
  char path[kPathBytes];
  const size_t folder = strlen(g_process.args.session_folder);
  if (folder + sizeof(kArenaFileName) + 1 > sizeof(path)) {
    return nullptr;
  }
  memcpy(path, g_process.args.session_folder, folder);
  path[folder] = '/';
  memcpy(path + folder + 1, kArenaFileName, sizeof(kArenaFileName));
  const long fd =
      raw_syscall(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return nullptr;
  }
  const long size = raw_syscall(SYS_lseek, fd, 0, /*SEEK_END*/ 2);
  long address = -1;
  if (size >= 0 && static_cast<uint64_t>(size) >= arena_bytes) {
    address = raw_syscall(
        SYS_mmap, 0, static_cast<long>(arena_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  (void)raw_syscall(SYS_close, fd);
  if (address < 0 && address > -4096) {
    return nullptr;
  }
  (void)raw_syscall(SYS_madvise, address, static_cast<long>(arena_bytes), MADV_DONTDUMP);
  return reinterpret_cast<void*>(address);
}

// Who this process is, in its names stream. In a forked child: once more, with its own pid.
void describe_process() {
  g_process.root->switched_off_from = load_acquire(&g_process.arena.control->switched_off);
  char executable[kMaxNameBytes];
  char folder[kMaxNameBytes];
  char argv[kMaxArgvBytes];
  const uint32_t executable_bytes = g_process.args.executable(executable, sizeof(executable));
  const long folder_bytes = raw_syscall(SYS_getcwd, reinterpret_cast<long>(folder), sizeof(folder));
  const size_t argv_bytes = read_file("/proc/self/cmdline", argv, sizeof(argv));
  const ProcessSlot& slot = g_process.arena.processes[tracer::g_engine.root->process];
  const ProcessRecord record = {
      .start_ticks = slot.start_ticks,
      .pid = slot.pid,
      .parent_pid = static_cast<uint32_t>(raw_syscall(SYS_getppid)),
      .python_version = g_python.version,
      .backend = g_process.backend,
      .unused = 0,
      .executable_bytes = executable_bytes,
      .cwd_bytes = folder_bytes > 1 ? static_cast<uint32_t>(folder_bytes - 1) : 0,
      .argv_bytes = static_cast<uint32_t>(argv_bytes)};
  (void)tracer::publish_record(NameRecord::kProcess,
                               &record,
                               sizeof(record),
                               {executable, record.executable_bytes},
                               {folder, record.cwd_bytes},
                               {argv, record.argv_bytes});
}

bool look_after(tracer::ThreadState* thread, EventKind kind, uint32_t id) {
  heed_budget(thread, kind, id);
  tracer::watch_exit(thread);
  open_stack(thread, kind, id);
  cover_new_threads();
  guard_own_profile(thread);
  check_eval_frame();
  const bool process_is_named = name_process();
  if (name_thread(thread)) {
    part_of(thread)->named = 1;
  }
  return part_of(thread)->named == 0 || !process_is_named;
}

void watch_thread_exit(tracer::ThreadState* thread) { g_process.args.watch_thread_exit(thread); }

void on_thread_exit(void* thread) {
  auto* state = static_cast<tracer::ThreadState*>(thread);
  free_caller_lines(state);
  free_comment_marks(state);
  tracer::end_thread(state);
}

}  // namespace

bool enter_session(const vtn_runtime_args& args, uint32_t python_version) {
  g_process.args = args;
  (void)session_file(kShimLinkName, g_process.shim_path, sizeof(g_process.shim_path));
  if (args.control == nullptr) {
    return false;
  }
  const bool again = g_process.root != nullptr;
  if (again && g_process.arena.base != nullptr) {
    (void)raw_syscall(SYS_munmap,
                      reinterpret_cast<long>(g_process.arena.base),
                      static_cast<long>(g_process.arena.geometry.arena_bytes));
  }
  g_process.untraced = false;
  // The shim's mapping of the control file is ours as well. From here on a reason can be told.
  const auto* page = static_cast<const ControlPage*>(args.control);
  g_process.arena = tracer::Arena(args.control, nullptr);
  void* arena = map_arena(page->geometry.arena_bytes);
  if (again) {
    *g_process.root = {};
  } else {
    g_process.root = static_cast<RuntimeRoot*>(map_wiped_pages(sizeof(RuntimeRoot)));
  }
  if (arena == nullptr || g_process.root == nullptr) {
    stay_untraced(UntracedReason::kNoArena, python_version);
    return false;
  }
  g_process.arena = tracer::Arena(args.control, arena);
  if (again) {
    tracer::enter_another_arena(g_process.arena, static_cast<ClockKind>(page->clock_kind));
    return true;
  }
  const tracer::EngineHooks hooks = {
      .describe_process = describe_process,
      .look_after = look_after,
      .watch_thread_exit = watch_thread_exit,
      .process_slot = args.process_slot,
  };
  if (!tracer::start_engine(
          g_process.arena, static_cast<ClockKind>(page->clock_kind), hooks, args.tls_offset)) {
    stay_untraced(UntracedReason::kNoArena, python_version);
    return false;
  }
  *args.on_thread_exit = on_thread_exit;
  return true;
}

void stay_untraced(UntracedReason reason, uint32_t python_version) {
  if (g_process.untraced) {
    return;
  }
  g_process.untraced = true;
  const uint32_t process = g_process.args.process_slot();
  if (process < kMaxProcesses) {
    ProcessSlot& slot = g_process.arena.processes[process];
    slot.flags |= kSlotPython;
    slot.pid = static_cast<uint32_t>(raw_syscall(SYS_getpid));
    slot.reason = static_cast<uint32_t>(reason);
    slot.python_version = python_version;
    store_release(&slot.state, static_cast<uint32_t>(ProcessState::kUntraced));
  }
}

bool is_traced() { return !g_process.untraced; }

const char* shim_path() { return g_process.shim_path; }

RuntimeRoot* runtime_root() { return g_process.root; }

bool session_option(SessionOption option) {
  return (load_relaxed(&g_process.arena.control->options) & option) != 0;
}

Settings session_settings() {
  return {static_cast<const vtn_setting*>(g_process.args.settings),
          static_cast<const char*>(g_process.args.settings_end)};
}

bool session_file(const char* name, char* to, size_t room) {
  size_t bytes = 0;
  const auto add = [&](const char* text) {
    for (; *text != 0 && bytes + 1 < room; ++text) {
      to[bytes++] = *text;
    }
    to[bytes] = 0;
    return *text == 0;
  };
  return room != 0 && add(g_process.args.session_folder) && add("/") && add(name);
}

bool shim_enters_session(const char* folder) {
  return g_process.args.enter_session != nullptr && g_process.args.enter_session(folder) != 0;
}

void follow_started(bool wanted) { g_process.args.follow(wanted ? 1 : 0); }

void set_backend(Backend backend) { g_process.backend = backend; }

void* find_symbol(const char* name) { return g_process.args.dlsym_fn(nullptr, name); }

void* find_python_symbol(const char* name) {
  return g_process.args.dlsym_fn(g_process.args.python, name);
}

}  // namespace vtn::runtime
