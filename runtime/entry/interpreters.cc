// SPDX-License-Identifier: Apache-2.0
#include "runtime/entry/interpreters.h"

#include <string.h>

#include "base/freestanding/atomic.h"
#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"
#include "runtime/python/versions.h"

namespace vtn::runtime {

namespace {

// An entry of PyImport_Inittab, part of the stable API.
struct BuiltinModule {
  const char* name;
  PyObject* (*initialise)();
};

constexpr int64_t kMostInterpreters = 1 << 22;  // of a process's life; later ones stay untraced
constexpr int8_t kUnknown = 0;
constexpr int8_t kUntraced = -1;
constexpr int8_t kFirstIndex = 1;

struct {
  void (*begins)();
  PyObject* (*initialise)();
  int8_t* states;  // by id: one of the above, or kFirstIndex plus the co_extra index
} g_interpreters;

PyObject* initialise_imp() {
  g_interpreters.begins();
  return g_interpreters.initialise();
}

int8_t* states() {
  int8_t* found = load_acquire(&g_interpreters.states);
  if (found == nullptr) {
    const WordLock lock(&runtime_root()->interpreters_lock);
    if (g_interpreters.states == nullptr) {
      // Only what is touched takes memory.
      store_release(&g_interpreters.states, static_cast<int8_t*>(map_pages(kMostInterpreters)));
    }
    found = g_interpreters.states;
  }
  return found;
}

int8_t state_of(int64_t id) {
  const int8_t* all = states();
  return all == nullptr || id < 0 || id >= kMostInterpreters ? kUntraced : all[id];
}

}  // namespace

void watch_interpreters(void (*begins)()) {
  auto** table = static_cast<BuiltinModule**>(find_python_symbol("PyImport_Inittab"));
  if (table == nullptr || *table == nullptr) {
    return;
  }
  for (BuiltinModule* module = *table; module->name != nullptr; ++module) {
    if (strcmp(module->name, "_imp") == 0 && module->initialise != nullptr) {
      g_interpreters.begins = begins;
      g_interpreters.initialise = module->initialise;
      module->initialise = initialise_imp;
      return;
    }
  }
}

PyInterp* current_interpreter() {
  PyThread* state = current_thread_state();
  return state == nullptr ? nullptr : g_python.PyThreadState_GetInterpreter(state);
}

int64_t interpreter_id(PyInterp* interpreter) {
  return interpreter == nullptr ? -1 : g_python.PyInterpreterState_GetID(interpreter);
}

PySize code_extra_index() {
  const int8_t state = state_of(interpreter_id(current_interpreter()));
  return state < kFirstIndex ? -1 : state - kFirstIndex;
}

bool interpreter_is_settled(int64_t id) { return state_of(id) != kUnknown; }

void settle_interpreter(int64_t id, PySize extra_index) {
  int8_t* all = states();
  if (all != nullptr && id >= 0 && id < kMostInterpreters) {
    all[id] = extra_index < 0 || extra_index > 100 ? kUntraced
                                                   : static_cast<int8_t>(kFirstIndex + extra_index);
  }
}

bool others_may_record() {
  PyInterp* first = g_python.PyInterpreterState_Head();
  return interpreters_have_own_gil(g_python.minor) && first != nullptr &&
         g_python.PyInterpreterState_Next(first) != nullptr;
}

void forget_interpreters() {
  if (g_interpreters.states != nullptr) {
    unmap_pages(g_interpreters.states, kMostInterpreters);
    g_interpreters.states = nullptr;
  }
}

}  // namespace vtn::runtime
