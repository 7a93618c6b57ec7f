// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comment_scopes.h"

#include "runtime/variables/code_parts.h"
#include "runtime/variables/comment_expressions.h"

namespace vtn::runtime {

namespace {

constexpr int kDeepestCode = 16;

// The code within that one that the definition is compiled to; null: none.
PyRef code_within(PyObject* code, const SourceComments& found, uint32_t definition, int depth) {
  const PyRef constants = tuple_of(code, "co_consts");
  for (PySize i = 0; constants && i < g_python.PyTuple_Size(constants.get()); ++i) {
    PyObject* const one = g_python.PyTuple_GetItem(constants.get(), i);
    if (type_of(one) != g_python.PyCode_Type) {
      continue;
    }
    const long line = number_of(one, "co_firstlineno");
    bool is_module = false;
    if (!is_part_of_statement(one, &is_module) && line > 0 &&
        definition_at(found, static_cast<uint32_t>(line)) == definition) {
      return PyRef::hold(one);
    }
    PyRef within = depth == kDeepestCode ? PyRef() : code_within(one, found, definition, depth + 1);
    if (within) {
      return within;
    }
  }
  return PyRef();
}

// Whether what is asked for names a variable of `outer` that is out of sight of `inner`.
bool names_out_of_sight(const CommentWish& wish, PyObject* outer, PyObject* inner) {
  CommentExpression expression = {};
  bool found = false;
  if (compile_wish(wish, &expression) == nullptr && expression.names != nullptr) {
    for (PySize i = 0; i < g_python.PyList_Size(expression.names); ++i) {
      const Utf8 name(g_python.PyList_GetItem(expression.names, i));
      found =
          found || ((has_name(outer, "co_varnames", name.text()) ||
                     has_name(outer, "co_cellvars", name.text())) &&
                    !has_variable(inner, name.text()) && !has_name(inner, "co_names", name.text()));
    }
  }
  g_python.PyErr_Clear();
  free_expression(&expression);
  return found;
}

}  // namespace

void refuse_names_out_of_sight(PyObject* code, CommentedFile* file) {
  const SourceComments& found = file->found;
  const long line = number_of(code, "co_firstlineno");
  const uint32_t definition = line > 0 && (number_of(code, "co_flags") & kIsFunction) != 0
                                  ? definition_at(found, static_cast<uint32_t>(line))
                                  : kNoLine;
  if (definition == kNoLine) {
    return;
  }
  const CommentRange range = comments_of(found, definition);
  for (uint32_t i = range.first; i < range.end; ++i) {
    MagicComment& comment = found.comments[i];
    if (comment.problem != nullptr || comment.definition == kNoLine ||
        comment.definition <= definition) {
      continue;
    }
    const PyRef inner = code_within(code, found, comment.definition, 0);
    if (inner && names_out_of_sight(file->wishes[i], code, inner.get())) {
      comment.problem = "it names a variable of an outer function that its own does not";
      tell_comment_ignored(code, comment.line, comment.problem);
    }
  }
}

}  // namespace vtn::runtime
