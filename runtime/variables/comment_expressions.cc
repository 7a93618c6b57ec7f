// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comment_expressions.h"

#include <initializer_list>

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/capture/stack_bounds.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/own_code.h"
#include "runtime/variables/code_parts.h"
#include "runtime/variables/instructions.h"

namespace vtn::runtime {

namespace {

constexpr int kEvalInput = 258;  // Py_eval_input
constexpr size_t kMostTextBytes = 8192;
constexpr int kDeepestCode = 16;
constexpr size_t kLeastStackBytes = 96 * 1024;
constexpr size_t kStackOfByte = 4 * 1024;
constexpr size_t kMostStackBytes = 2 * 1024 * 1024;  // its parser nests no deeper
constexpr char kFile[] = "<magic comment>";

// The signatures are those of VizTracer's methods; a new line ends a comment within a comment.
constexpr char kVariableBegin[] =
    "(lambda name, var, cond=True: ('%s' % (name,), var) if cond else None)(";
constexpr char kInstantBegin[] =
    "(lambda name, args=None, scope='t', cond=True: ('%s' % (name,), args) if cond else None)(";
constexpr char kCallEnd[] = "\n)";
constexpr char kHolds[] = "True";
constexpr char kConditionBegin[] = " if (";
constexpr char kConditionEnd[] = "\n) else None";

// In pages: stacks may be small.
class ExpressionText {
 public:
  ExpressionText() : text_(static_cast<char*>(map_pages(kMostTextBytes))) {}
  ~ExpressionText() {
    if (text_ != nullptr) {
      unmap_pages(text_, kMostTextBytes);
    }
  }
  ExpressionText(const ExpressionText&) = delete;
  ExpressionText& operator=(const ExpressionText&) = delete;

  bool add(tracer::Text text) {
    if (text_ == nullptr || text.bytes >= kMostTextBytes - bytes_ ||
        memchr(text.data, 0, text.bytes) != nullptr) {
      return false;
    }
    memcpy(text_ + bytes_, text.data, text.bytes);
    bytes_ += text.bytes;
    return true;
  }
  bool add(const char* text) { return add(text_of(text)); }
  const char* get() const { return text_; }

 private:
  char* const text_;  // zero behind what was added
  size_t bytes_ = 0;
};

// Whether CPython's parser and compiler, which take stack for each thing that lies in another, have
// as much as the text can make them take.
bool has_stack_for(size_t bytes) {
  const uintptr_t low = lowest_of_stack();
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const size_t needed = kLeastStackBytes + kStackOfByte * bytes;
  return low == 0 ||
         (here > low && here - low > (needed < kMostStackBytes ? needed : kMostStackBytes));
}

// While it lives, what compiles warns nobody of its syntax: the program's filters have one more.
class QuietSyntax {
 public:
  QuietSyntax() {
    PyObject* const modules = g_python.PySys_GetObject("modules");
    PyObject* module =
        modules == nullptr ? nullptr : g_python.PyDict_GetItemString(modules, "warnings");
    if (module == nullptr && modules != nullptr) {
      module = g_python.PyDict_GetItemString(modules, "_warnings");
    }
    PyObject* const warning =
        g_python.PyDict_GetItemString(g_python.PyEval_GetBuiltins(), "SyntaxWarning");
    PyRef filters = PyRef::steal(
        module == nullptr ? nullptr : g_python.PyObject_GetAttrString(module, "filters"));
    if (!filters || type_of(filters.get()) != g_python.PyList_Type || warning == nullptr) {
      return;
    }
    const PyRef filter = PyRef::steal(g_python.Py_BuildValue(
        "(sOOOi)", "ignore", g_python._Py_NoneStruct, warning, g_python._Py_NoneStruct, 0));
    if (filter && g_python.PyList_Insert(filters.get(), 0, filter.get()) == 0) {
      filters_ = filters.release();
    }
  }
  ~QuietSyntax() {
    if (filters_ != nullptr) {
      const PendingException pending;
      (void)g_python.PySequence_DelItem(filters_, 0);
      g_python.Py_DecRef(filters_);
    }
  }
  QuietSyntax(const QuietSyntax&) = delete;
  QuietSyntax& operator=(const QuietSyntax&) = delete;

 private:
  PyObject* filters_ = nullptr;
};

// Names of variables that are none of its own, of it and of what is nested in it: not those of
// attributes, which a namespace of the program's may make when it is asked for them.
bool add_names(PyObject* code, PyObject* to, int depth) {
  const PyRef names = tuple_of(code, "co_names");
  const PyRef constants = tuple_of(code, "co_consts");
  const PyRef instructions = instructions_of(code);
  char* bytes = nullptr;
  PySize size = 0;
  if (!names || !constants || !instructions || depth > kDeepestCode ||
      g_python.PyBytes_AsStringAndSize(instructions.get(), &bytes, &size) != 0) {
    return false;
  }
  CodeText text = {};
  text.code = reinterpret_cast<const unsigned char*>(bytes);
  text.bytes = static_cast<size_t>(size);
  const Instructions all(g_python.minor, text);
  for (uint32_t unit = 0; all.known() && unit < all.units();) {
    const Instruction at = all.decode(unit);
    unit = at.next;
    if (at.step != Step::kLoadsName && at.step != Step::kLoadsGlobal) {
      continue;
    }
    const uint32_t index = at.step == Step::kLoadsGlobal ? at.argument >> 1 : at.argument;
    PyObject* const name = g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(index));
    if (name == nullptr || g_python.PyList_Insert(to, g_python.PyList_Size(to), name) != 0) {
      return false;
    }
  }
  for (PySize i = 0; i < g_python.PyTuple_Size(constants.get()); ++i) {
    PyObject* const one = g_python.PyTuple_GetItem(constants.get(), i);
    if (type_of(one) == g_python.PyCode_Type && !add_names(one, to, depth + 1)) {
      return false;
    }
  }
  return true;
}

PyRef item_of(PyObject* dict, PyObject* name) {
  return PyRef::hold(g_python.PyDict_GetItemWithError(dict, name));
}

// Where the frame's variables have that one; -1: nowhere. Before 3.12, where asking the frame would
// write all of them where the program may see it.
PySize index_of_variable(PyObject* code, tracer::Text name) {
  for (int i = 0;; ++i) {
    const PyRef one =
        PyRef::steal(g_python.PyObject_CallMethod(code, "_varname_from_oparg", "i", i));
    g_python.PyErr_Clear();
    if (!one) {
      return -1;
    }
    if (Utf8(one.get()).equals(name)) {
      return i;
    }
  }
}

// Of 3.10: cells and free ones lie behind the variables, arguments that are cells in both places.
PySize index_before_311(PyObject* code, tracer::Text name) {
  PySize behind = number_of(code, "co_nlocals");
  for (const char* const attribute : {"co_cellvars", "co_freevars"}) {
    const PyRef names = tuple_of(code, attribute);
    const PySize index = index_of_name(names.get(), name);
    if (index >= 0) {
      return behind + index;
    }
    behind += names ? g_python.PyTuple_Size(names.get()) : 0;
  }
  return index_of_name(tuple_of(code, "co_varnames").get(), name);
}

PyRef variable_of(PyObject* code, const void* frame, PyObject* name) {
  if (frames_tell_variables(g_python.minor)) {
    PyFrame* const object = g_python.PyEval_GetFrame();  // borrowed
    PyRef value = PyRef::steal(object == nullptr ? nullptr : g_python.PyFrame_GetVar(object, name));
    g_python.PyErr_Clear();
    return value;
  }
  const Utf8 text(name);
  const PySize index = instructions_count_all_variables(g_python.minor)
                           ? index_of_variable(code, text.text())
                           : index_before_311(code, text.text());
  if (index < 0) {
    return PyRef();
  }
  auto* value = field<PyObject*>(
      frame, frame_variables(g_python.minor) + static_cast<intptr_t>(sizeof(void*)) * index);
  const bool in_cell =
      has_name(code, "co_cellvars", text.text()) || has_name(code, "co_freevars", text.text());
  if (value != nullptr && in_cell && type_of(value) == g_python.PyCell_Type) {
    value = field<PyObject*>(value, kCellContents);
  }
  return PyRef::hold(value);
}

// Null: it has no value there. `is_unbound`: nor may another of that name take its place.
PyRef value_of(
    PyObject* name, PyObject* code, bool is_function, const void* frame, bool* is_unbound) {
  *is_unbound = false;
  const NamesLayout names = names_of_frame(g_python.minor);
  PyObject* const globals = field<PyObject*>(frame, names.globals);
  PyObject* const locals = is_function ? nullptr : field<PyObject*>(frame, names.locals);
  if (locals != nullptr && locals != globals) {
    PyRef value = type_of(locals) == g_python.PyDict_Type
                      ? item_of(locals, name)
                      : PyRef::steal(g_python.PyObject_GetItem(locals, name));
    if (value) {
      return value;
    }
    (void)take_own_exception();
  }
  if (is_function || locals != globals) {
    PyRef value = variable_of(code, frame, name);
    if (value) {
      return value;
    }
    if (is_function && has_variable(code, Utf8(name).text())) {
      *is_unbound = true;
      return PyRef();
    }
  }
  return item_of(globals, name);
}

// Of a variable that is bound to nothing: takes it out of what `variables` has for builtins.
bool hide_builtin(PyObject* name, PyObject* builtins, PyObject* variables) {
  constexpr char kBuiltins[] = "__builtins__";
  if (g_python.PyDict_GetItemString(variables, kBuiltins) == builtins) {
    const PyRef copy = PyRef::steal(g_python.PyDict_Copy(builtins));
    if (!copy || g_python.PyDict_SetItemString(variables, kBuiltins, copy.get()) != 0) {
      return false;
    }
  }
  return g_python.PyDict_DelItem(g_python.PyDict_GetItemString(variables, kBuiltins), name) == 0;
}

}  // namespace

const char* compile_wish(const CommentWish& wish, CommentExpression* to) {
  ExpressionText text;
  *to = {};
  bool fits = true;
  if (wish.verb == CommentVerb::kLog) {
    if (wish.condition.bytes == 0) {
      return nullptr;
    }
    fits = text.add(kHolds);
  } else {
    fits = text.add(wish.verb == CommentVerb::kLogVariable ? kVariableBegin : kInstantBegin) &&
           text.add(wish.arguments) && text.add(kCallEnd);
  }
  if (wish.condition.bytes != 0) {
    fits = fits && text.add(kConditionBegin) && text.add(wish.condition) && text.add(kConditionEnd);
  }
  if (!fits) {
    return "it is too long";
  }
  if (!has_stack_for(wish.arguments.bytes + wish.condition.bytes)) {
    return "the stack of the thread that comes to it first is too small";
  }
  const QuietSyntax quiet;
  PyRef code = PyRef::steal(g_python.Py_CompileString(text.get(), kFile, kEvalInput));
  PyRef names = PyRef::steal(code ? g_python.PyList_New(0) : nullptr);
  if (!names || !add_names(code.get(), names.get(), 0)) {
    g_python.PyErr_Clear();
    return "its expression is not Python's";
  }
  g_python.PyObject_GC_UnTrack(names.get());  // out of the collector's sight
  *to = {code.release(), names.release()};
  return nullptr;
}

void free_expression(CommentExpression* expression) {
  g_python.Py_DecRef(expression->code);
  g_python.Py_DecRef(expression->names);
  *expression = {};
}

PyRef evaluate_comment(const CommentExpression& expression, PyObject* code, const void* frame) {
  const Muted muted;
  PyObject* const globals = g_python.PyEval_GetGlobals();    // borrowed
  PyObject* const builtins = g_python.PyEval_GetBuiltins();  // borrowed
  if (globals == nullptr ||
      globals != field<PyObject*>(frame, names_of_frame(g_python.minor).globals) ||
      builtins != field<PyObject*>(frame, names_of_frame(g_python.minor).builtins)) {
    return PyRef();
  }
  const PyRef variables = PyRef::steal(g_python.PyDict_New());
  if (!variables || g_python.PyDict_SetItemString(variables.get(), "__builtins__", builtins) != 0) {
    return PyRef();
  }
  const bool is_function = (number_of(code, "co_flags") & kIsFunction) != 0;
  for (PySize i = 0; i < g_python.PyList_Size(expression.names); ++i) {
    PyObject* const name = g_python.PyList_GetItem(expression.names, i);
    bool is_unbound = false;
    const PyRef value = value_of(name, code, is_function, frame, &is_unbound);
    if (is_unbound && item_of(builtins, name) && !hide_builtin(name, builtins, variables.get())) {
      return PyRef();
    }
    g_python.PyErr_Clear();  // builtins that are no dict
    if (value && g_python.PyDict_SetItem(variables.get(), name, value.get()) != 0) {
      return PyRef();
    }
  }
  return PyRef::steal(g_python.PyEval_EvalCode(expression.code, variables.get(), variables.get()));
}

}  // namespace vtn::runtime
