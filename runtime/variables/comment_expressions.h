// SPDX-License-Identifier: Apache-2.0
//
// What magic comments have evaluated: arguments and conditions, compiled once for each code object
// they stand in, each with the condition as one expression. It is evaluated by itself, with the
// values that the names in it have where the comment stands (PEP 667's `f_locals` is not asked for,
// as up to 3.12 that would be written back): what it binds is gone afterwards.
//
// All need the GIL.
#pragma once

#include "runtime/python/python_api.h"
#include "runtime/variables/comment_wishes.h"

namespace vtn::runtime {

struct CommentExpression {
  PyObject* code;   // owned; null: there is nothing to evaluate
  PyObject* names;  // owned: a list of those that it uses
};

// Null, or why it is none. An error may be set.
const char* compile_wish(const CommentWish& wish, CommentExpression* to);

void free_expression(CommentExpression* expression);

// What it says, in the frame of the code, which is the one that runs (`frame`: the interpreter's);
// null: an error is set. Code of the program's runs; nothing of the thread is recorded meanwhile.
//
//   log            None: the condition does not hold; else it does
//   log_var        None, or a tuple of name and value
//   log_instant    None, or a tuple of name and `args`
PyRef evaluate_comment(const CommentExpression& expression, PyObject* code, const void* frame);

}  // namespace vtn::runtime
