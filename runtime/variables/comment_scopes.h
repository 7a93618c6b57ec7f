// SPDX-License-Identifier: Apache-2.0
//
// Names that comments cannot see: a function has variables of an outer one only where its own code
// names them, and a comment is no code.
#pragma once

#include "runtime/python/python_api.h"
#include "runtime/variables/comment_files.h"

namespace vtn::runtime {

// When the code is met, and so before what is defined in it can be: where a comment of an inner
// function names a variable of this one which that function does not have, the comment is ignored,
// and a notice says so; else a global of that name would be told. Needs the GIL, may leave an error
// set.
void refuse_names_out_of_sight(PyObject* code, CommentedFile* file);

}  // namespace vtn::runtime
