// SPDX-License-Identifier: Apache-2.0
//
// The word that a code object keeps for us (co_extra). CPython makes room for everybody who ever
// asked for a word, and when the code object dies it calls the free functions of all of them: one
// that marked none of it would be asked to free null. Ctypes callbacks that are gone by then end
// the process so. A block that we made is therefore cut behind our own word; CPython makes it
// longer again when the next one marks that code.
//
//     code object  +---------+    block  +-------+---------+- - - - -+
//                  | co_extra|---------->| count | ours    | theirs  |
//                  +---------+           +-------+---------+- - - - -+
//
// Where the block's address lies in a code object is found out by the first one that is marked.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Null where there is none. Needs the GIL.
void* code_extra(PyObject* code, PySize index);

// False: not set, with an error set. Needs the GIL.
bool set_code_extra(PyObject* code, PySize index, void* extra);

}  // namespace vtn::runtime
