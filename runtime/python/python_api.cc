// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/python_api.h"

#include <elf.h>
#include <string.h>

#include "runtime/python/versions.h"

namespace vtn::runtime {

constinit PythonApi g_python = {};

namespace {

constexpr int kDladdrSymbolEntry = 1;  // RTLD_DL_SYMENT

struct DlInfo {
  const char* file_name;
  void* file_base;
  const char* symbol_name;
  void* symbol_address;
};

}  // namespace

PyThread* current_thread_state() {
  const auto current = g_python.PyThreadState_GetUnchecked != nullptr
                           ? g_python.PyThreadState_GetUnchecked
                           : g_python._PyThreadState_UncheckedGet;
  return current == nullptr ? nullptr : current();
}

bool holds_gil() {
  PyThread* const state = current_thread_state();
  return state != nullptr && state == g_python.PyGILState_GetThisThreadState();
}

uint32_t parse_python_version(const char* text) {
  uint32_t parts[3] = {0, 0, 0};
  int part = 0;
  const char* at = text;
  for (; part < 3; ++part) {
    if (*at < '0' || *at > '9') {
      return 0;
    }
    while (*at >= '0' && *at <= '9') {
      parts[part] = parts[part] * 10 + static_cast<uint32_t>(*at++ - '0');
    }
    if (part < 2 && *at++ != '.') {
      return 0;
    }
  }
  uint32_t level = 0xf0;
  if (*at == 'a' || *at == 'b') {
    level = *at == 'a' ? 0xa0 : 0xb0;
  } else if (*at == 'r') {
    level = 0xc0;
  }
  return (parts[0] << 24) | (parts[1] << 16) | (parts[2] << 8) | level;
}

const char* load_python_api(void* python,
                            void* (*dlsym_fn)(void*, const char*),
                            int (*dladdr1_fn)(const void*, void*, void**, int)) {
  PythonApi& api = g_python;
#define VTN_OPTIONAL(result, name, arguments) \
  api.name = reinterpret_cast<result(*) arguments>(dlsym_fn(python, #name));
#define VTN_REQUIRED(result, name, arguments) \
  VTN_OPTIONAL(result, name, arguments)       \
  if (api.name == nullptr) {                  \
    return #name;                             \
  }
  VTN_PYTHON_FUNCTIONS(VTN_REQUIRED, VTN_OPTIONAL)
#undef VTN_REQUIRED
#undef VTN_OPTIONAL
#define VTN_OBJECT(name)                                      \
  api.name = static_cast<PyObject*>(dlsym_fn(python, #name)); \
  if (api.name == nullptr) {                                  \
    return #name;                                             \
  }
  VTN_PYTHON_OBJECTS(VTN_OBJECT)
#undef VTN_OBJECT
#define VTN_EXCEPTION(name)                                    \
  api.name = static_cast<PyObject**>(dlsym_fn(python, #name)); \
  if (api.name == nullptr) {                                   \
    return #name;                                              \
  }
  VTN_EXCEPTION(PyExc_KeyboardInterrupt)
  VTN_EXCEPTION(PyExc_SystemExit)
  VTN_EXCEPTION(PyExc_TypeError)
  VTN_EXCEPTION(PyExc_ValueError)
  VTN_EXCEPTION(PyExc_RuntimeError)
#undef VTN_EXCEPTION
  api.PyCMethod_Type = static_cast<PyObject*>(dlsym_fn(python, "PyCMethod_Type"));
  api._PyRuntime = dlsym_fn(python, "_PyRuntime");
  if (api._PyRuntime != nullptr && dladdr1_fn != nullptr) {
    DlInfo info;
    Elf64_Sym* symbol = nullptr;
    if (dladdr1_fn(api._PyRuntime, &info, reinterpret_cast<void**>(&symbol), kDladdrSymbolEntry) !=
            0 &&
        symbol != nullptr && info.symbol_address == api._PyRuntime) {
      api.runtime_state_bytes = symbol->st_size;
    }
  }
  // The unstable tier renamed these in 3.12.
  if (api.PyUnstable_Eval_RequestCodeExtraIndex != nullptr) {
    api._PyEval_RequestCodeExtraIndex = api.PyUnstable_Eval_RequestCodeExtraIndex;
    api._PyCode_GetExtra = api.PyUnstable_Code_GetExtra;
    api._PyCode_SetExtra = api.PyUnstable_Code_SetExtra;
  }
  if (api._PyEval_RequestCodeExtraIndex == nullptr || api._PyCode_GetExtra == nullptr ||
      api._PyCode_SetExtra == nullptr) {
    return "_PyEval_RequestCodeExtraIndex";
  }
  const char* version = api.Py_GetVersion();
  api.version = parse_python_version(version);
  api.minor = minor_version(api.version);
  api.free_threaded = strstr(version, "free-threading") != nullptr;
  return nullptr;
}

}  // namespace vtn::runtime
