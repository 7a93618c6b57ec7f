// SPDX-License-Identifier: Apache-2.0
//
// How a plan is made.
#include <initializer_list>

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"
#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/values/values.h"
#include "runtime/variables/code_flow.h"
#include "runtime/variables/code_parts.h"
#include "runtime/variables/comment_files.h"
#include "runtime/variables/comment_scopes.h"
#include "runtime/variables/plans.h"
#include "runtime/variables/source_lexer.h"
#include "runtime/variables/variables.h"
#include "runtime/variables/wishes.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kMostVariables = 1u << 16;
constexpr char kCategory[] = "variable";
constexpr char kAttributeCategory[] = "attribute";
constexpr char kEntryCategory[] = "function entry";
constexpr char kItem[] = "[...]";
constexpr char kAnnotations[] = "__annotations__";
constexpr size_t kMostStatementBytes = 200;
constexpr long kGenerator = 0x20 | 0x80 | 0x200;  // CO_GENERATOR, COROUTINE, ASYNC_GENERATOR

// Whether any name that the code knows is asked for: most code has none, and is looked at no
// further.
bool may_bind_what_is_wanted(PyObject* code) {
  const auto variable = [](tracer::Text name) { return wishes_of_variable(name) != 0; };
  const auto any = [&](tracer::Text name) {
    return wishes_of_variable(name) != 0 || wishes_of_attribute(name) != 0;
  };
  return any_name(code, "co_names", any) || any_name(code, "co_varnames", variable) ||
         any_name(code, "co_cellvars", variable) || any_name(code, "co_freevars", variable);
}

// The name of a frame's variable, as instructions count them.
PyRef variable_name(PyObject* code, uint32_t index) {
  if (!instructions_count_all_variables(g_python.minor)) {
    auto rest = static_cast<PySize>(index);
    for (const char* const attribute : {"co_varnames", "co_cellvars", "co_freevars"}) {
      const PyRef names = tuple_of(code, attribute);
      const PySize count = names ? g_python.PyTuple_Size(names.get()) : 0;
      if (rest < count) {
        return PyRef::hold(g_python.PyTuple_GetItem(names.get(), rest));
      }
      rest -= count;
    }
    return PyRef();
  }
  PyRef name = PyRef::steal(
      g_python.PyObject_CallMethod(code, "_varname_from_oparg", "i", static_cast<int>(index)));
  g_python.PyErr_Clear();
  return name;
}

uint32_t count_variables(PyObject* code) {
  auto count = static_cast<uint32_t>(number_of(code, "co_nlocals"));
  while (count < kMostVariables && variable_name(code, count)) {
    ++count;
  }
  return count;
}

// "x", "owner.x", ".x", "x[...]".
class MarkText {
 public:
  void add(tracer::Text text) {
    const size_t room = sizeof(text_) - bytes_;
    const size_t added = text.bytes < room ? text.bytes : room;
    if (added != 0) {
      memcpy(text_ + bytes_, text.data, added);
    }
    bytes_ += added;
  }
  tracer::Text text() const { return {text_, bytes_}; }

 private:
  char text_[2 * kMaxNameBytes];
  size_t bytes_ = 0;
};

LoggedName marks_of(tracer::Text name, uint8_t wishes, const char* category) {
  LoggedName marks = {};
  if (wishes != 0) {
    marks.otherwise = mark_name(MarkKind::kInstant, name, text_of(category));
  }
  if ((wishes & kAsInstant) != 0) {
    marks.instant = marks.otherwise;
  }
  if ((wishes & kAsCounter) != 0) {
    marks.counter = mark_name(MarkKind::kCounter, name, text_of(category));
  }
  return marks;
}

// Puts the stores of a code that are asked for behind each other.
struct Collector {
  PyObject* code;
  PyObject* names;  // co_names
  bool all;         // stores of this function
  const CodeComments* comments;
  LoggedComment* logged;  // one for each of them
  LoggedStore* stores;
  uint32_t count;
  uint32_t room;

  // Of a variable or what owns an attribute or item; null: it has no plain name.
  PyRef name_of(const Origin& origin) const {
    switch (origin.kind) {
      case OriginKind::kVariable:
        return variable_name(code, origin.index);
      case OriginKind::kName:
        return name_at(origin.index);
      default:
        return PyRef();
    }
  }

  PyRef name_at(uint32_t index) const {
    return PyRef::hold(static_cast<PySize>(index) < g_python.PyTuple_Size(names)
                           ? g_python.PyTuple_GetItem(names, static_cast<PySize>(index))
                           : nullptr);
  }

  uint8_t wishes_for(tracer::Text variable) const {
    const uint8_t wishes = wishes_of_variable(variable);
    return static_cast<uint8_t>(wishes | (all && variable.bytes != 0 ? kAsInstant : 0));
  }

  // The comment behind the statement of which that is; kNoComment.
  uint32_t comment_of(const FoundStore& store) const {
    const uint32_t comment = comments->comment_of_store(store.offset);
    return comment == kNoComment || logged[comment].is_off || store.within_comprehension
               ? kNoComment
               : comment;
  }

  void push(const FoundStore& store, LoggedName name, uint8_t flags, uint32_t comment) {
    if (count == room || (name.instant | name.counter) == 0) {
      return;
    }
    stores[count++] = {store.offset,
                       store.depth,
                       name,
                       store.index,
                       static_cast<uint8_t>(store.below),
                       flags,
                       comment};
  }

  void add(const FoundStore& store,
           tracer::Text name,
           uint8_t wishes,
           const char* category,
           uint8_t flags) {
    const uint32_t comment = comment_of(store);
    bool has_condition = false;
    if (comment != kNoComment) {
      logged[comment].binds = true;
      has_condition = logged[comment].expression.code != nullptr;
      category = wishes == 0 ? kCommentCategory : category;
      wishes |= has_condition ? uint8_t{0} : uint8_t{kAsCounter};
    }
    push(store, marks_of(name, wishes, category), flags, kNoComment);
    if (has_condition) {
      push(store, marks_of(name, kAsCounter, kCommentCategory), flags, comment);
    }
  }

  void add_variable(const FoundStore& store) {
    const bool by_variable = store.step == Step::kStoresFast || store.step == Step::kStoresDeref;
    const PyRef name =
        name_of({by_variable ? OriginKind::kVariable : OriginKind::kName, store.index});
    const Utf8 text(name.get());
    if (store.restores || text.text().bytes == 0 || text.text().data[0] == '.') {
      return;
    }
    const auto flags = static_cast<uint8_t>((is_secret_name(text.text()) ? kIsSecret : 0) |
                                            (store.is_end_of_handler ? kIsEndOfHandler : 0) |
                                            (store.step == Step::kStoresFast ? kIsFast : 0));
    add(store, text.text(), wishes_for(text.text()), kCategory, flags);
  }

  void add_attribute(const FoundStore& store) {
    const PyRef attribute = name_at(store.index);
    const PyRef owner = name_of(store.owner);
    const Utf8 attribute_text(attribute.get());
    const Utf8 owner_text(owner.get());
    const uint8_t by_owner = owner ? wishes_for(owner_text.text()) : uint8_t{0};
    const auto wishes = static_cast<uint8_t>(by_owner | wishes_of_attribute(attribute_text.text()) |
                                             (all ? kAsInstant : 0));
    MarkText text;
    text.add(owner_text.text());
    text.add({".", 1});
    text.add(attribute_text.text());
    const bool secret = is_secret_name(attribute_text.text()) || is_secret_name(owner_text.text());
    add(store,
        text.text(),
        wishes,
        by_owner != 0 ? kCategory : kAttributeCategory,
        secret ? uint8_t{kIsSecret} : uint8_t{0});
  }

  void add_item(const FoundStore& store) {
    const PyRef owner = name_of(store.owner);
    const Utf8 owner_text(owner.get());
    const uint8_t wishes = owner ? wishes_for(owner_text.text()) : uint8_t{0};
    if (owner_text.equals(kAnnotations) && wishes == 0) {
      return;
    }
    MarkText text;
    text.add(owner_text.text());
    text.add({kItem, sizeof(kItem) - 1});
    const auto flags = static_cast<uint8_t>((is_secret_name(owner_text.text()) ? kIsSecret : 0) |
                                            (store.step == Step::kStoresItem ? kHasKey : 0));
    add(store, text.text(), wishes, kCategory, flags);
  }
};

void visit_store(const FoundStore& store, void* argument) {
  auto* const collector = static_cast<Collector*>(argument);
  switch (store.step) {
    case Step::kStoresAttribute:
      collector->add_attribute(store);
      return;
    case Step::kStoresItem:
    case Step::kStoresSlice:
      collector->add_item(store);
      return;
    default:
      collector->add_variable(store);
      return;
  }
}

// The instructions of a code, and what belongs to them.
struct CodeBytes {
  PyRef instructions;
  PyRef handlers;
  CodeText text;
  StackEffect effect;

  explicit CodeBytes(PyObject* code)
      : instructions(instructions_of(code)),
        handlers(PyRef::steal(instructions && has_exception_table(g_python.minor)
                                  ? g_python.PyObject_GetAttrString(code, "co_exceptiontable")
                                  : nullptr)),
        text(),
        effect(reinterpret_cast<StackEffect>(
            find_python_symbol("PyCompile_OpcodeStackEffectWithJump"))) {
    char* bytes = nullptr;
    PySize size = 0;
    char* table = nullptr;
    PySize table_size = 0;
    const bool has_table = has_exception_table(g_python.minor);
    if (!instructions || (has_table && !handlers) ||
        g_python.PyBytes_AsStringAndSize(instructions.get(), &bytes, &size) != 0 ||
        (has_table && g_python.PyBytes_AsStringAndSize(handlers.get(), &table, &table_size) != 0)) {
      return;
    }
    text.code = reinterpret_cast<unsigned char*>(bytes);
    text.bytes = static_cast<size_t>(size);
    text.handlers = reinterpret_cast<unsigned char*>(table);
    text.handler_bytes = static_cast<size_t>(table_size);
    text.stack_size = static_cast<uint32_t>(number_of(code, "co_stacksize"));
    text.first_cell = instructions_count_all_variables(g_python.minor)
                          ? 0
                          : static_cast<uint32_t>(number_of(code, "co_nlocals"));
    text.begins_resumed = generators_begin_with_a_value(g_python.minor) &&
                          (number_of(code, "co_flags") & kGenerator) != 0;
  }

  bool visit_stores(VisitStore visit, void* argument) const {
    return effect != nullptr && text.bytes != 0 &&
           find_stores(g_python.minor, text, effect, visit, argument);
  }
};

uint32_t collect_parameters(PyObject* code, LoggedParameter* to, uint32_t room) {
  const uint32_t count = count_parameters(code);
  uint32_t found = 0;
  for (uint32_t i = 0; i < count && found < room; ++i) {
    const PyRef name = variable_name(code, i);
    const Utf8 text(name.get());
    const LoggedName marks = marks_of(text.text(), wishes_of_variable(text.text()), kCategory);
    if ((marks.instant | marks.counter) != 0) {
      to[found++] = {marks, i, is_secret_name(text.text()) ? uint32_t{kIsSecret} : 0};
    }
  }
  return found;
}

// Whole pages for so many of a kind, all zero.
template <class T>
class Pages {
 public:
  explicit Pages(size_t count)
      : bytes_(count * sizeof(T)),
        all_(static_cast<T*>(bytes_ == 0 ? nullptr : map_pages(bytes_))) {}
  ~Pages() {
    if (all_ != nullptr) {
      unmap_pages(all_, bytes_);
    }
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  T* get() const { return all_; }

 private:
  const size_t bytes_;
  T* const all_;
};

// Source on one line, without its comments, cut where it is long.
class ShortText {
 public:
  explicit ShortText(tracer::Text text) {
    const char* const end = text.data + text.bytes;
    const char* from = text.data;
    SourceLexer lexer(text.data, end);
    for (;;) {
      const SourceLexer::Token token = lexer.next();
      if (token == SourceLexer::Token::kEnd) {
        break;
      }
      if (token == SourceLexer::Token::kComment) {
        add({from, static_cast<size_t>(lexer.begin() - from)});
        from = lexer.at();
      }
    }
    add({from, static_cast<size_t>(end - from)});
    while (bytes_ != 0 && text_[bytes_ - 1] == ' ') {
      --bytes_;
    }
    if (bytes_ == sizeof(text_)) {
      while (bytes_ != 0 && (text_[bytes_ - 1] & 0xc0) == 0x80) {
        --bytes_;
      }
      bytes_ -= bytes_ != 0 && (text_[bytes_ - 1] & 0x80) != 0 ? 1 : 0;
    }
  }
  tracer::Text text() const { return {text_, bytes_}; }

 private:
  void add(tracer::Text text) {
    for (size_t i = 0; i < text.bytes && bytes_ < sizeof(text_); ++i) {
      const char c = text.data[i];
      const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
      if (!blank || (bytes_ != 0 && text_[bytes_ - 1] != ' ')) {
        text_[bytes_++] = blank ? ' ' : c;
      }
    }
  }

  char text_[kMostStatementBytes];
  size_t bytes_ = 0;
};

uint32_t comment_mark(tracer::Text name) {
  return mark_name(MarkKind::kInstant, ShortText(name).text(), text_of(kCommentCategory));
}

void prepare_comment(PyObject* code,
                     const MagicComment& comment,
                     const CommentWish& wish,
                     LoggedComment* to) {
  to->verb = wish.verb;
  to->line = comment.line;
  if (const char* const problem = compile_wish(wish, &to->expression); problem != nullptr) {
    to->is_off = true;
    tell_comment_ignored(code, comment.line, problem);
    return;
  }
  to->failed = comment_mark(comment.text);
}

// Of one code: which comments it has, and what they want to be told.
class Comments {
 public:
  Comments(PyObject* code, const CommentedFile* file, const CodeBytes& bytes)
      : count_(file == nullptr || bytes.effect == nullptr
                   ? 0
                   : found_.find(code, file, bytes.text, bytes.effect)),
        logged_(count_) {
    if (logged_.get() == nullptr) {
      count_ = 0;
    }
    for (uint32_t i = 0; i < count_; ++i) {
      prepare_comment(code, found_.comment(i), found_.wish(i), &logged_.get()[i]);
    }
  }

  uint32_t count() const { return count_; }
  const CodeComments& found() const { return found_; }
  LoggedComment* logged() const { return logged_.get(); }
  const LoggedPoint* points() const { return found_.points(); }

  // When it is known which of them have something that is bound.
  uint32_t find_points() {
    for (uint32_t i = 0; i < count_; ++i) {
      LoggedComment& one = logged_.get()[i];
      if (one.verb == CommentVerb::kLog && !one.binds && !one.is_off) {
        one.told = comment_mark(found_.comment(i).statement);
      }
    }
    return count_ == 0 ? 0
                       : found_.find_points(
                             [](uint32_t comment, void* all) {
                               const LoggedComment& one = static_cast<LoggedComment*>(all)[comment];
                               const bool at_once = one.verb == CommentVerb::kLog && one.binds;
                               if (one.is_off || (at_once && one.expression.code == nullptr)) {
                                 return PointWish::kNone;
                               }
                               return at_once ? PointWish::kToldOfRuns : PointWish::kTold;
                             },
                             logged_.get());
  }

 private:
  CodeComments found_;
  uint32_t count_;
  const Pages<LoggedComment> logged_;
};

}  // namespace

CodePlan* plan_code(PyObject* code, tracer::Text qualified) {
  const PyRef bare = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_name"));
  const Utf8 name(bare.get());
  const bool all = all_stores_wanted(name.text(), qualified);
  PlanParts parts = {};
  parts.entry = entries_wanted(name.text(), qualified)
                    ? mark_name(MarkKind::kInstant, qualified, text_of(kEntryCategory))
                    : 0;
  const PyRef names = tuple_of(code, "co_names");
  CommentedFile* const file = names && comments_wanted() ? commented_file(code) : nullptr;
  if (file != nullptr) {
    refuse_names_out_of_sight(code, file);
  }
  const bool may_bind = names && (all || file != nullptr || may_bind_what_is_wanted(code));
  if (!may_bind && parts.entry == 0) {
    g_python.PyErr_Clear();
    return nullptr;
  }
  LoggedParameter parameters[kMostArguments];
  parts.parameters = parameters;
  CodePlan* plan = nullptr;
  if (may_bind) {
    parts.parameter_count = collect_parameters(code, parameters, kMostArguments);
    const CodeBytes bytes(code);
    Comments comments(code, file, bytes);
    // Each instruction may store two, and each of these may have a comment.
    const Pages<LoggedStore> stores(2 * bytes.text.bytes);
    Collector collector = {
        code,
        names.get(),
        all,
        &comments.found(),
        comments.logged(),
        stores.get(),
        0,
        static_cast<uint32_t>(stores.get() == nullptr ? 0 : 2 * bytes.text.bytes)};
    if (!bytes.visit_stores(visit_store, &collector)) {
      collector.count = 0;
      tell_function_untold(qualified);
    }
    parts.point_count = comments.find_points();
    parts.points = comments.points();
    parts.comment_count = comments.count();
    parts.comments = comments.logged();
    parts.store_count = collector.count;
    parts.stores = stores.get();
    parts.variables = collector.count == 0 ? 0 : count_variables(code);
    g_python.PyErr_Clear();
    if (parts.entry != 0 || parts.parameter_count != 0 || parts.store_count != 0 ||
        parts.point_count != 0) {
      plan = make_plan(code, parts);
    }
    for (uint32_t i = 0; plan == nullptr && i < comments.count(); ++i) {
      free_expression(&comments.logged()[i].expression);
    }
  } else {
    plan = make_plan(code, parts);
  }
  g_python.PyErr_Clear();
  return plan;
}

}  // namespace vtn::runtime
