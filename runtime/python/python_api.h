// SPDX-License-Identifier: Apache-2.0
//
// The C API as the runtime uses it: one table, filled by dlsym from the object that holds CPython,
// so that one library serves 3.10 to 3.15, static and shared. No CPython header is included: the
// few layout facts that are needed are found out and checked at run time (layout.h).
//
// Entries marked optional are null where a version does not have them.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace vtn::runtime {

struct PyObject;  // opaque
struct PyFrame;   // opaque
struct PyThread;  // PyThreadState, opaque
struct PyInterp;  // PyInterpreterState, opaque
using PySize = intptr_t;

using PyVectorcall = PyObject* (*)(PyObject*, PyObject* const*, size_t, PyObject*);
using PyProfileFunction = int (*)(PyObject*, PyFrame*, int, PyObject*);
using PyAuditFunction = int (*)(const char*, PyObject*, void*);
using PyEvalFunction = PyObject* (*)(PyThread*, void*, int);

struct PyAllocator {
  void* context;
  void* (*malloc)(void*, size_t);
  void* (*calloc)(void*, size_t, size_t);
  void* (*realloc)(void*, void*, size_t);
  void (*free)(void*, void*);
};
inline constexpr int kAllocatorRaw = 0;  // PYMEM_DOMAIN_RAW

// PyGetSetDef, part of the stable ABI.
struct PyGetSetDef {
  const char* name;
  PyObject* (*get)(PyObject*, void*);
  void* set;
  const char* doc;
  void* closure;
};

// Numbers of the stable ABI: slots of types, flags of types, how a function takes its arguments.
inline constexpr int kSlotCall = 50;
inline constexpr int kSlotDealloc = 52;
inline constexpr int kSlotMethods = 64;
inline constexpr int kSlotNew = 65;
inline constexpr int kSlotMembers = 72;
inline constexpr int kSlotFree = 74;
inline constexpr unsigned kTypeIsBase = 1u << 10;
inline constexpr unsigned kTypeHasVectorcall = 1u << 11;
inline constexpr int kNoArguments = 0x0004;
inline constexpr int kOneArgument = 0x0008;
inline constexpr int kFastCall = 0x0080;
inline constexpr int kKeywords = 0x0002;

struct PyTypeSlot {
  int slot;
  void* function;
};
struct PyTypeSpec {
  const char* name;
  int basicsize;
  int itemsize;
  unsigned flags;
  PyTypeSlot* slots;
};
struct PyMemberSpec {
  const char* name;
  int type;
  PySize offset;
  int flags;
  const char* doc;
};

// The first fields of PyMethodDef, part of the stable ABI.
struct PyMethodDef {
  const char* name;
  void* function;
};

// The whole of it, for functions of our own.
struct PyMethodDefinition {
  const char* name;
  void* function;
  int flags;
  const char* doc;
};

// clang-format off
#define VTN_PYTHON_FUNCTIONS(required, optional)                                               \
  required(const char*, Py_GetVersion, ())                                                     \
  required(int, Py_IsInitialized, ())                                                          \
  required(void, Py_IncRef, (PyObject*))                                                       \
  required(void, Py_DecRef, (PyObject*))                                                       \
  required(int, PySys_AddAuditHook, (PyAuditFunction, void*))                                  \
  required(PyObject*, PySys_GetObject, (const char*))                                          \
  required(void, PyMem_GetAllocator, (int, PyAllocator*))                                      \
  required(void, PyMem_SetAllocator, (int, PyAllocator*))                                      \
  required(void, PyErr_Fetch, (PyObject**, PyObject**, PyObject**))                            \
  required(void, PyErr_NormalizeException, (PyObject**, PyObject**, PyObject**))               \
  required(void, PyErr_Restore, (PyObject*, PyObject*, PyObject*))                             \
  required(void, PyErr_Clear, ())                                                              \
  required(void, PyErr_SetObject, (PyObject*, PyObject*))                                      \
  required(PyObject*, PyErr_Occurred, ())                                                      \
  optional(PyObject*, PyErr_GetRaisedException, ())                                            \
  optional(void, PyErr_SetRaisedException, (PyObject*))                                        \
  required(PyObject*, PyCapsule_New, (void*, const char*, void (*)(PyObject*)))                \
  required(int, Py_AddPendingCall, (int (*)(void*), void*))                                    \
  required(void*, PyCapsule_GetPointer, (PyObject*, const char*))                              \
  required(PyObject*, PyObject_GetAttr, (PyObject*, PyObject*))                                \
  required(PyObject*, PyObject_Repr, (PyObject*))                                              \
  required(PySize, PyObject_Hash, (PyObject*))                                                 \
  required(PyObject*, PyObject_GetAttrString, (PyObject*, const char*))                        \
  required(PyObject*, PyObject_GenericGetAttr, (PyObject*, PyObject*))                         \
  required(PyObject*, PyObject_CallMethod, (PyObject*, const char*, const char*, ...))         \
  required(PyObject*, _PyObject_New, (PyObject*))                                              \
  required(PyObject*, PyType_FromSpec, (PyTypeSpec*))                                          \
  required(int, PyType_IsSubtype, (PyObject*, PyObject*))                                      \
  required(void, PyObject_GC_UnTrack, (void*))                                                 \
  required(PyObject*, PyVectorcall_Call, (PyObject*, PyObject*, PyObject*))                    \
  required(long, PyLong_AsLong, (PyObject*))                                                   \
  required(long long, PyLong_AsLongLongAndOverflow, (PyObject*, int*))                         \
  required(size_t, _PyLong_NumBits, (PyObject*))                                               \
  required(PyObject*, PyNumber_ToBase, (PyObject*, int))                                       \
  required(double, PyFloat_AsDouble, (PyObject*))                                              \
  required(double, PyComplex_RealAsDouble, (PyObject*))                                        \
  required(double, PyComplex_ImagAsDouble, (PyObject*))                                        \
  required(char*, PyByteArray_AsString, (PyObject*))                                           \
  required(PySize, PyByteArray_Size, (PyObject*))                                              \
  required(PyObject*, PyLong_FromUnsignedLong, (unsigned long))                                \
  required(PyObject*, PyUnicode_FromString, (const char*))                                     \
  required(PyObject*, PyUnicode_InternFromString, (const char*))                               \
  required(PySize, PyUnicode_GetLength, (PyObject*))                                           \
  required(uint32_t, PyUnicode_ReadChar, (PyObject*, PySize))                                  \
  required(int, PyBytes_AsStringAndSize, (PyObject*, char**, PySize*))                         \
  required(PyObject*, PyDict_GetItemWithError, (PyObject*, PyObject*))                         \
  required(PyObject*, PyDict_GetItemString, (PyObject*, const char*))                          \
  required(int, PyDict_Next, (PyObject*, PySize*, PyObject**, PyObject**))                     \
  required(PySize, PyDict_Size, (PyObject*))                                                   \
  required(PySize, PySet_Size, (PyObject*))                                                    \
  required(int, _PySet_NextEntry, (PyObject*, PySize*, PyObject**, PySize*))                   \
  required(PyObject*, PyModule_GetDict, (PyObject*))                                           \
  required(PyObject*, PyDict_New, ())                                                          \
  required(PyObject*, PyDict_Copy, (PyObject*))                                                \
  required(int, PyDict_DelItem, (PyObject*, PyObject*))                                        \
  required(int, PyDict_SetItem, (PyObject*, PyObject*, PyObject*))                             \
  required(int, PyDict_SetItemString, (PyObject*, const char*, PyObject*))                     \
  required(PyObject*, PyList_New, (PySize))                                                    \
  required(int, PyObject_IsTrue, (PyObject*))                                                  \
  required(PyObject*, PyObject_GetItem, (PyObject*, PyObject*))                                \
  required(PyObject*, PyUnicode_Decode, (const char*, PySize, const char*, const char*))       \
  required(PyObject*, PyUnicode_AsUTF8String, (PyObject*))                                     \
  required(PyObject*, PyUnicode_EncodeFSDefault, (PyObject*))                                  \
  required(PyObject*, Py_BuildValue, (const char*, ...))                                       \
  required(PyObject*, Py_CompileString, (const char*, const char*, int))                       \
  required(PyObject*, PyEval_EvalCode, (PyObject*, PyObject*, PyObject*))                      \
  required(int, PyGILState_Ensure, ())                                                         \
  required(void, PyGILState_Release, (int))                                                    \
  required(PyThread*, PyEval_SaveThread, ())                                                   \
  required(void, PyEval_RestoreThread, (PyThread*))                                            \
  optional(void*, PyModuleDef_Init, (void*))                                                   \
  optional(PyObject*, PyMarshal_WriteObjectToString, (PyObject*, int))                         \
  required(PyObject*, PyType_GenericAlloc, (PyObject*, PySize))                                \
  optional(PyFrame*, PyThreadState_GetFrame, (PyThread*))                                      \
  required(void*, PyType_GetSlot, (PyObject*, int))                                            \
  optional(PyObject*, PyFrame_GetVar, (PyFrame*, PyObject*))                                   \
  required(PyObject*, PyImport_ImportModule, (const char*))                                    \
  required(PyObject*, PyCFunction_NewEx, (PyMethodDefinition*, PyObject*, PyObject*))          \
  required(int, PyList_Insert, (PyObject*, PySize, PyObject*))                                 \
  required(int, PySequence_DelItem, (PyObject*, PySize))                                       \
  required(PySize, PyList_Size, (PyObject*))                                                   \
  required(PyObject*, PyList_GetItem, (PyObject*, PySize))                                     \
  required(PySize, PyTuple_Size, (PyObject*))                                                  \
  required(PyObject*, PyTuple_GetItem, (PyObject*, PySize))                                    \
  required(PyObject*, PyFunction_GetCode, (PyObject*))                                         \
  required(PyObject*, PyMethod_Function, (PyObject*))                                          \
  required(PyObject*, PyCFunction_GetSelf, (PyObject*))                                        \
  required(PyObject*, PyEval_GetBuiltins, ())                                                  \
  required(PyObject*, PyEval_GetGlobals, ())                                                   \
  required(PyFrame*, PyEval_GetFrame, ())                                                      \
  required(PyObject*, PyFrame_GetCode, (PyFrame*))                                             \
  required(PyFrame*, PyFrame_GetBack, (PyFrame*))                                              \
  required(int, PyFrame_GetLineNumber, (PyFrame*))                                             \
  required(void, PyEval_SetProfile, (PyProfileFunction, PyObject*))                            \
  optional(int, _PyEval_SetProfile, (PyThread*, PyProfileFunction, PyObject*))                 \
  required(PyThread*, PyGILState_GetThisThreadState, ())                                       \
  optional(PyThread*, _PyThreadState_UncheckedGet, ())                                         \
  optional(PyThread*, PyThreadState_GetUnchecked, ())                                          \
  required(PyThread*, PyThreadState_Get, ())                                                   \
  required(int, PyThreadState_SetAsyncExc, (unsigned long, PyObject*))                         \
  required(PyInterp*, PyInterpreterState_Main, ())                                             \
  required(PyInterp*, PyInterpreterState_Head, ())                                             \
  required(PyInterp*, PyInterpreterState_Next, (PyInterp*))                                    \
  required(int64_t, PyInterpreterState_GetID, (PyInterp*))                                     \
  required(PyInterp*, PyThreadState_GetInterpreter, (PyThread*))                               \
  required(PyThread*, PyInterpreterState_ThreadHead, (PyInterp*))                              \
  required(PyThread*, PyThreadState_Next, (PyThread*))                                         \
  required(uint64_t, PyThreadState_GetID, (PyThread*))                                         \
  required(unsigned long, PyThread_get_thread_ident, ())                                       \
  optional(PyObject*, _PyType_Lookup, (PyObject*, PyObject*))                                  \
  optional(PyObject*, _PyObject_GenericGetAttrWithDict, (PyObject*, PyObject*, PyObject*, int)) \
  optional(PyObject*, PyCode_GetCode, (PyObject*))                                             \
  optional(int, PyCode_AddWatcher, (int (*)(int, PyObject*)))                                  \
  optional(PySize, _PyEval_RequestCodeExtraIndex, (void (*)(void*)))                           \
  optional(int, _PyCode_GetExtra, (PyObject*, PySize, void**))                                 \
  optional(int, _PyCode_SetExtra, (PyObject*, PySize, void*))                                  \
  optional(PySize, PyUnstable_Eval_RequestCodeExtraIndex, (void (*)(void*)))                   \
  optional(int, PyUnstable_Code_GetExtra, (PyObject*, PySize, void**))                         \
  optional(int, PyUnstable_Code_SetExtra, (PyObject*, PySize, void*))                          \
  optional(PyEvalFunction, _PyInterpreterState_GetEvalFrameFunc, (PyInterp*))                  \
  optional(void, _PyInterpreterState_SetEvalFrameFunc, (PyInterp*, PyEvalFunction))            \
  optional(PyObject*, _PyEval_EvalFrameDefault, (PyThread*, void*, int))

// Objects, not functions: their addresses.
#define VTN_PYTHON_OBJECTS(object)                                                             \
  object(_Py_NoneStruct)                                                                       \
  object(_Py_TrueStruct)                                                                       \
  object(_Py_FalseStruct)                                                                      \
  object(_Py_EllipsisObject)                                                                   \
  object(_Py_NotImplementedStruct)                                                             \
  object(PyBool_Type)                                                                          \
  object(PyFloat_Type)                                                                         \
  object(PyComplex_Type)                                                                       \
  object(PyTuple_Type)                                                                         \
  object(PySet_Type)                                                                           \
  object(PyFrozenSet_Type)                                                                     \
  object(PyBytes_Type)                                                                         \
  object(PyByteArray_Type)                                                                     \
  object(PyCell_Type)                                                                          \
  object(PyMemberDescr_Type)                                                                   \
  object(PyBaseObject_Type)                                                                    \
  object(PyType_Type)                                                                          \
  object(PyList_Type)                                                                          \
  object(PyDict_Type)                                                                          \
  object(PyLong_Type)                                                                          \
  object(PyModule_Type)                                                                        \
  object(PyCode_Type)                                                                          \
  object(PyFunction_Type)                                                                      \
  object(PyMethod_Type)                                                                        \
  object(PyCFunction_Type)                                                                     \
  object(PyMethodDescr_Type)                                                                   \
  object(PyClassMethodDescr_Type)                                                              \
  object(PyGetSetDescr_Type)                                                                   \
  object(PyUnicode_Type)
// clang-format on

struct PythonApi {
#define VTN_FUNCTION(result, name, arguments) result(*name) arguments;
  VTN_PYTHON_FUNCTIONS(VTN_FUNCTION, VTN_FUNCTION)
#undef VTN_FUNCTION
#define VTN_OBJECT(name) PyObject* name;
  VTN_PYTHON_OBJECTS(VTN_OBJECT)
#undef VTN_OBJECT
  PyObject** PyExc_KeyboardInterrupt;
  PyObject** PyExc_SystemExit;
  PyObject** PyExc_TypeError;
  PyObject** PyExc_ValueError;
  PyObject** PyExc_RuntimeError;
  PyObject* PyCMethod_Type;    // optional, from 3.9
  const void* _PyRuntime;      // optional
  size_t runtime_state_bytes;  // size of _PyRuntime; 0 where it is not known
  uint32_t version;            // as PY_VERSION_HEX: 0x030c01f0
  uint32_t minor;
  bool free_threaded;
};

extern PythonApi g_python;

// Fills g_python. Returns null, or the name of the first function that is missing.
const char* load_python_api(void* python,
                            void* (*dlsym_fn)(void*, const char*),
                            int (*dladdr1_fn)(const void*, void*, void**, int));

// The calling thread's state if it holds the GIL (of its interpreter), else null.
PyThread* current_thread_state();

// Whether the calling thread holds the GIL. PyGILState_Check answers yes to everybody once a
// sub-interpreter has been made.
bool holds_gil();

// "3.12.1 (main, ...)" as PY_VERSION_HEX; 0 when it is not understood.
uint32_t parse_python_version(const char* text);

// An owned reference for slow paths. Needs the GIL.
class PyRef {
 public:
  PyRef() = default;
  static PyRef steal(PyObject* object) { return PyRef(object); }
  // A reference of its own to what is borrowed; `object` may be null.
  static PyRef hold(PyObject* object) {
    g_python.Py_IncRef(object);
    return PyRef(object);
  }
  ~PyRef() {
    if (object_ != nullptr) {
      g_python.Py_DecRef(object_);
    }
  }
  PyRef(PyRef&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
  PyRef(const PyRef&) = delete;
  PyRef& operator=(const PyRef&) = delete;
  PyRef& operator=(PyRef&&) = delete;
  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  PyObject* release() {
    PyObject* object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  explicit PyRef(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

// Keeps the program's pending exception away from our calls, and ours from the program. Needs the
// GIL.
class PendingException {
 public:
  PendingException() { g_python.PyErr_Fetch(&type_, &value_, &traceback_); }
  ~PendingException() { g_python.PyErr_Restore(type_, value_, traceback_); }
  PendingException(const PendingException&) = delete;
  PendingException& operator=(const PendingException&) = delete;

 private:
  PyObject* type_;
  PyObject* value_;
  PyObject* traceback_;
};

}  // namespace vtn::runtime
