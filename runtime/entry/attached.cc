// SPDX-License-Identifier: Apache-2.0
#include "runtime/entry/attached.h"

#include <signal.h>
#include <sys/syscall.h>

#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "runtime/capture/control.h"
#include "runtime/entry/bootstrap.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

namespace {

constexpr uint64_t kLookAgainNs = 500'000'000;
constexpr size_t kEntryPathBytes = 1200;
constexpr size_t kSignalSetBytes = 8;  // of the kernel

using Thread = unsigned long;
using CreateThread = int (*)(Thread*, const void*, void* (*)(void*), void*);
using DetachThread = int (*)(Thread);

void tell(uint32_t* count) {
  add_release(count, uint32_t{1});
  futex_wake(count, 1);
}

bool is_wanted(const ControlPage* control) {
  return load_acquire(&control->late_wish) == VTN_LATE_RECORD &&
         load_relaxed(&control->state) == static_cast<uint32_t>(SessionState::kRecording);
}

// Takes out what this was begun by: that is loaded, once, and must be gone before the next time.
void unload_entry() {
  constexpr int kNowNoLoad = 2 | 4;  // RTLD_NOW | RTLD_NOLOAD
  char path[kEntryPathBytes];
  const auto open = reinterpret_cast<void* (*)(const char*, int)>(find_symbol("dlopen"));
  const auto close = reinterpret_cast<int (*)(void*)>(find_symbol("dlclose"));
  if (open == nullptr || close == nullptr || !session_file(kEntryFileName, path, sizeof(path))) {
    return;
  }
  // Waits until its constructor is through: the loader's lock is held until then.
  if (void* const entry = open(path, kNowNoLoad); entry != nullptr) {
    (void)close(entry);
    (void)close(entry);
  }
}

void* record_while_wanted(void* page) {
  auto* const control = static_cast<ControlPage*>(page);
  int state = g_python.PyGILState_Ensure();
  const bool begun = is_wanted(control) && enter_waiting_session() && begin_late();
  g_python.PyGILState_Release(state);
  unload_entry();
  if (!begun) {
    tell(&control->late_refused);
    return nullptr;
  }
  tell(&control->late_begun);
  while (is_wanted(control)) {
    futex_wait(&control->late_wish, VTN_LATE_RECORD, kLookAgainNs);
  }
  state = g_python.PyGILState_Ensure();
  stop_recording();
  if (!others_may_record()) {
    tracer::finish_all_chunks();
  }
  g_python.PyGILState_Release(state);
  tell(&control->late_ended);
  return nullptr;
}

}  // namespace

bool start_attached(ControlPage* control) {
  if (load_acquire(&control->late_wish) != VTN_LATE_RECORD) {
    return true;
  }
  const auto create = reinterpret_cast<CreateThread>(find_symbol("pthread_create"));
  const auto detach = reinterpret_cast<DetachThread>(find_symbol("pthread_detach"));
  if (create == nullptr || detach == nullptr) {
    return false;
  }
  // The program's signals are not for that thread.
  const uint64_t all = ~uint64_t{0};
  uint64_t before = 0;
  (void)raw_syscall(SYS_rt_sigprocmask,
                    SIG_SETMASK,
                    reinterpret_cast<long>(&all),
                    reinterpret_cast<long>(&before),
                    kSignalSetBytes);
  Thread thread = 0;
  const bool made = create(&thread, nullptr, record_while_wanted, control) == 0;
  (void)raw_syscall(
      SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&before), 0, kSignalSetBytes);
  return made && detach(thread) == 0;
}

}  // namespace vtn::runtime
