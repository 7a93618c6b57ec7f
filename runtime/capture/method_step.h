// SPDX-License-Identifier: Apache-2.0
//
// A step of our own in front of a C function of CPython's: its definition leads to the step, the
// function object stays what it is. Definitions are static data of the interpreter, one for all
// interpreters of the process; a step stays for good. Needs the GIL.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Up to four register arguments: enough for every calling convention of a method definition.
using CFunction = PyObject* (*)(PyObject*, PyObject*, PyObject*, PyObject*);

struct MethodStep {
  PyMethodDef* definition;
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

}  // namespace vtn::runtime
