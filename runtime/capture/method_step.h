// SPDX-License-Identifier: Apache-2.0
//
// A step of our own in front of a C function of CPython's: its definition leads to the step, the
// function object stays what it is. Definitions are static data of the interpreter, one for all
// interpreters of the process. All need the GIL.
#pragma once

#include "runtime/python/layout.h"

namespace vtn::runtime {

// Up to four register arguments: enough for every calling convention of a method definition.
using CFunction = PyObject* (*)(PyObject*, PyObject*, PyObject*, PyObject*);

struct MethodStep {
  PyMethodDef* definition;  // null: the step is not there
  CFunction original;
};

// Once; a null `definition` is nothing to do.
inline void put_in_front(MethodStep* step, const PyMethodDef* definition, CFunction function) {
  if (step->definition != nullptr || definition == nullptr) {
    return;
  }
  step->definition = const_cast<PyMethodDef*>(definition);
  step->original = reinterpret_cast<CFunction>(definition->function);
  step->definition->function = reinterpret_cast<void*>(function);
}

// Whoever put a step in front of ours keeps it: ours stays behind it.
inline void take_away(MethodStep* step, CFunction function) {
  if (step->definition != nullptr &&
      step->definition->function == reinterpret_cast<void*>(function)) {
    step->definition->function = reinterpret_cast<void*>(step->original);
    step->definition = nullptr;
  }
}

// A built-in function's definition; null for anything else.
inline const PyMethodDef* definition_of(const PyObject* function) {
  return function != nullptr && type_of(function) == g_python.PyCFunction_Type
             ? cfunction_def(function)
             : nullptr;
}

}  // namespace vtn::runtime
