// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/callers.h"

#include "runtime/module/known_names.h"
#include "runtime/module/native_module.h"
#include "runtime/python/text.h"

namespace vtn::runtime {

bool callers_are_read() {
  static bool known = false;  // under the GIL; the answer is the same for all
  known = known || find_current_frame(current_thread_state());
  return known;
}

bool is_own_code(PyObject* code) {
  const PyRef file = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_filename"));
  return file && ask_of_name(file.get(), nullptr, name_use(NameUse::kOwnFile), [&] {
                   return is_own_file(Utf8(file.get()).text()) ? 1u : 0u;
                 }) != 0;
}

CallerPlace place_of_caller() {
  CallerPlace place;
  each_caller([&](const void* frame, PyObject* code) {
    if (is_own_code(code)) {
      return true;
    }
    place.code = code;
    place.at = g_chain.previous == 0 ? static_cast<uintptr_t>(g_python.PyFrame_GetLineNumber(
                                           static_cast<PyFrame*>(const_cast<void*>(frame))))
                                     : field<uintptr_t>(frame, g_chain.instruction);
    return false;
  });
  return place;
}

int line_of_caller() {
  int line = 0;
  each_frame_object([&](PyFrame* frame, PyObject* code) {
    line = g_python.PyFrame_GetLineNumber(frame);
    return is_own_code(code);
  });
  return line;
}

}  // namespace vtn::runtime
