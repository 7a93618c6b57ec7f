// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/callers.h"

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
  return is_own_file(Utf8(file.get()).text());
}

}  // namespace vtn::runtime
