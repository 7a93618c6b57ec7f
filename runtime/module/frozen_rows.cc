// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/frozen_rows.h"

#include <stdint.h>
#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"
#include "runtime/module/native_module.h"
#include "runtime/module/package_sources.h"
#include "runtime/python/python_api.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"

namespace vtn::runtime {

namespace {

constexpr int kFileInput = 257;  // Py_file_input
constexpr int kMarshalVersion = 4;
constexpr size_t kMostCodeBytes = 8192;
constexpr char kAlias[] = "viztracer";

// struct _frozen. What stands behind differs: FrozenLayout.
struct FrozenRow {
  const char* name;
  const unsigned char* code;
  int32_t size;  // 3.10: negative for a package
  int32_t is_package;
};

// The same code for every row: it gets the native part by way of the shim, which is loaded already,
// and leaves the rest to loader.py. What it names is gone when the module's own text runs.
constexpr char kStub[] =
    "def load(namespace, spec):\n"
    "    import _imp, sys\n"
    "    name = 'viztracer_native._native'\n"
    "    native = sys.modules.get(name)\n"
    "    if native is None:\n"
    "        native = _imp.create_dynamic(type(spec)('_viztracer_native', None, origin=%ORIGIN%))\n"
    "        _imp.exec_dynamic(native)\n"
    "        native.__name__ = name\n"
    "    del namespace['load']\n"
    "    code = compile(native.source(''), '<viztracer_native>', 'exec', dont_inherit=True)\n"
    "    exec(code, {'name': spec.name, 'namespace': namespace, 'native': native})\n"
    "load(globals(), __spec__)\n";

// The shim's path as a literal of Python. False: it is too long.
bool write_stub(char* to, size_t room) {
  constexpr char kMark[] = "%ORIGIN%";
  const char* const mark = strstr(kStub, kMark);
  const char* const origin = shim_path();
  size_t bytes = static_cast<size_t>(mark - kStub);
  memcpy(to, kStub, bytes);
  to[bytes++] = '\'';
  for (const char* at = origin; *at != 0; ++at) {
    if (bytes + sizeof(kStub) + 8 > room) {
      return false;
    }
    if (*at == '\'' || *at == '\\') {
      to[bytes++] = '\\';
    }
    to[bytes++] = *at;
  }
  to[bytes++] = '\'';
  const char* const rest = mark + sizeof(kMark) - 1;
  memcpy(to + bytes, rest, strlen(rest) + 1);
  return true;
}

// The stub's code, marshalled, in memory that outlasts the interpreter. Null: it cannot be had.
const unsigned char* make_code(int32_t* size) {
  char source[sizeof(kStub) + 2 * kMaxNameBytes];
  if (g_python.PyMarshal_WriteObjectToString == nullptr || !write_stub(source, sizeof(source))) {
    return nullptr;
  }
  const PyRef code =
      PyRef::steal(g_python.Py_CompileString(source, "<frozen viztracer_native>", kFileInput));
  const PyRef bytes = PyRef::steal(
      code ? g_python.PyMarshal_WriteObjectToString(code.get(), kMarshalVersion) : nullptr);
  char* data = nullptr;
  PySize length = 0;
  if (!bytes || g_python.PyBytes_AsStringAndSize(bytes.get(), &data, &length) != 0 ||
      static_cast<size_t>(length) > kMostCodeBytes) {
    return nullptr;
  }
  void* const kept = map_pages(static_cast<size_t>(length));
  if (kept == nullptr) {
    return nullptr;
  }
  memcpy(kept, data, static_cast<size_t>(length));
  *size = static_cast<int32_t>(length);
  return static_cast<const unsigned char*>(kept);
}

bool is_alias(const char* name) {
  constexpr size_t kBytes = sizeof(kAlias) - 1;
  return strncmp(name, kAlias, kBytes) == 0 && (name[kBytes] == 0 || name[kBytes] == '.');
}

void add_rows() {
  const size_t row_bytes = frozen_row_bytes(g_python.minor);
  auto** const table = static_cast<const char**>(find_python_symbol("PyImport_FrozenModules"));
  if (table == nullptr) {
    return;
  }
  int32_t size = 0;
  const unsigned char* const code = make_code(&size);
  if (code == nullptr) {
    return;
  }
  size_t before = 0;
  if (*table != nullptr) {
    while (reinterpret_cast<const FrozenRow*>(*table + before * row_bytes)->name != nullptr) {
      ++before;
    }
  }
  // One more stays zero: the end.
  char* const rows = static_cast<char*>(map_pages((before + kPackageModuleCount + 1) * row_bytes));
  if (rows == nullptr) {
    return;
  }
  char* at = rows;
  if (before != 0) {
    memcpy(at, *table, before * row_bytes);
    at += before * row_bytes;
  }
  const bool with_alias = !session_option(kOptionNoAlias);
  for (size_t i = 0; i < kPackageModuleCount; ++i) {
    const PackageModule& module = kPackageModules[i];
    if (!with_alias && is_alias(module.name)) {
      continue;
    }
    const bool by_sign = frozen_packages_by_sign(g_python.minor);
    const FrozenRow row = {module.name,
                           code,
                           by_sign && module.is_package ? -size : size,
                           by_sign ? 0 : static_cast<int32_t>(module.is_package)};
    memcpy(at, &row, sizeof(row));
    at += row_bytes;
  }
  *table = rows;
}

}  // namespace

void offer_package() {
  const KeepErrno keep_errno;
  const PendingException pending;
  add_rows();
  g_python.PyErr_Clear();
}

}  // namespace vtn::runtime
