// SPDX-License-Identifier: Apache-2.0
//
// The magic comments of the program's files (comments.h). A file is read once in the life of a
// process, when the first of its functions is met; of most nothing is kept but that they have none.
// What `python3 -c` runs is taken from sys.orig_argv.
//
// Where a comment cannot be followed, a notice says so. All need the GIL, and may leave an error
// set: use under PendingException.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"
#include "runtime/variables/comment_wishes.h"
#include "runtime/variables/comments.h"

namespace vtn::runtime {

struct CommentedFile {
  SourceComments found;
  const CommentWish* wishes;  // one for each comment
};

// Of the file that the code was compiled of, if it was compiled of a file; null: there is nothing
// in it. Lives as long as the process.
CommentedFile* commented_file(PyObject* code);

// Up to kMostToldComments in a process.
inline constexpr uint32_t kMostToldComments = 32;
void tell_comment_ignored(PyObject* code, uint32_t line, const char* why);

// Likewise.
void tell_too_many_names(PyObject* code, uint32_t line);

}  // namespace vtn::runtime
