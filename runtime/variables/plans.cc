// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/plans.h"

#include <string.h>

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/values/values.h"
#include "runtime/variables/code_flow.h"
#include "runtime/variables/variables.h"
#include "runtime/variables/wishes.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

// Blocks of 64 bytes to 32 KiB, by powers of two; what is larger has pages of its own.
constexpr unsigned kSmallestBits = 6;
constexpr unsigned kLargestBits = 15;
constexpr size_t kSlabBytes = 64 * 1024;
constexpr uint32_t kMostVariables = 1u << 16;
constexpr char kCategory[] = "variable";
constexpr char kAttributeCategory[] = "attribute";
constexpr char kEntryCategory[] = "function entry";
constexpr char kItem[] = "[...]";
constexpr long kGenerator = 0x20 | 0x80 | 0x200;  // CO_GENERATOR, COROUTINE, ASYNC_GENERATOR

struct FreeBlock {
  FreeBlock* next;
};

struct {
  FreeBlock* free[kLargestBits + 1];
  CodePlan* with_events;
} g_plans;

unsigned class_of(size_t bytes) {
  unsigned bits = kSmallestBits;
  while (bits <= kLargestBits && (size_t{1} << bits) < bytes) {
    ++bits;
  }
  return bits;
}

void* take_block(size_t bytes) {
  const unsigned bits = class_of(bytes);
  if (bits > kLargestBits) {
    return map_pages(bytes);
  }
  const WordLock lock(&runtime_root()->plans_lock);
  FreeBlock*& free = g_plans.free[bits];
  if (free == nullptr) {
    auto* const slab = static_cast<char*>(map_pages(kSlabBytes));
    for (size_t at = 0; slab != nullptr && at < kSlabBytes; at += size_t{1} << bits) {
      auto* const block = reinterpret_cast<FreeBlock*>(slab + at);
      block->next = free;
      free = block;
    }
  }
  FreeBlock* const block = free;
  if (block != nullptr) {
    free = block->next;
    memset(static_cast<void*>(block), 0, bytes);
  }
  return block;
}

void give_block(void* block, size_t bytes) {
  const unsigned bits = class_of(bytes);
  if (bits > kLargestBits) {
    unmap_pages(block, bytes);
    return;
  }
  const WordLock lock(&runtime_root()->plans_lock);
  auto* const free = static_cast<FreeBlock*>(block);
  free->next = g_plans.free[bits];
  g_plans.free[bits] = free;
}

PyRef tuple_of(PyObject* code, const char* attribute) {
  PyRef tuple = PyRef::steal(g_python.PyObject_GetAttrString(code, attribute));
  const bool usable = tuple && type_of(tuple.get()) == g_python.PyTuple_Type;
  return PyRef::steal(usable ? tuple.release() : nullptr);
}

long number_of(PyObject* code, const char* attribute) {
  const PyRef value = PyRef::steal(g_python.PyObject_GetAttrString(code, attribute));
  return value ? g_python.PyLong_AsLong(value.get()) : 0;
}

template <class Test>
bool any_name(PyObject* code, const char* attribute, Test&& test) {
  const PyRef names = tuple_of(code, attribute);
  for (PySize i = 0; names && i < g_python.PyTuple_Size(names.get()); ++i) {
    const Utf8 name(g_python.PyTuple_GetItem(names.get(), i));
    if (test(name.text())) {
      return true;
    }
  }
  return false;
}

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
    PyObject* const name = static_cast<PySize>(index) < g_python.PyTuple_Size(names)
                               ? g_python.PyTuple_GetItem(names, static_cast<PySize>(index))
                               : nullptr;
    if (name != nullptr) {
      g_python.Py_IncRef(name);
    }
    return PyRef::steal(name);
  }

  uint8_t wishes_for(tracer::Text variable) const {
    const uint8_t wishes = wishes_of_variable(variable);
    return static_cast<uint8_t>(wishes | (all && variable.bytes != 0 ? kAsInstant : 0));
  }

  void add(const FoundStore& store, LoggedName name, uint8_t flags) {
    if (count == room || (name.instant | name.counter) == 0) {
      return;
    }
    stores[count++] = {
        store.offset, store.depth, name, store.index, static_cast<uint8_t>(store.below), flags};
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
    add(store, marks_of(text.text(), wishes_for(text.text()), kCategory), flags);
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
        marks_of(text.text(), wishes, by_owner != 0 ? kCategory : kAttributeCategory),
        secret ? uint8_t{kIsSecret} : uint8_t{0});
  }

  void add_item(const FoundStore& store) {
    const PyRef owner = name_of(store.owner);
    if (!owner) {
      return;
    }
    const Utf8 owner_text(owner.get());
    MarkText text;
    text.add(owner_text.text());
    text.add({kItem, sizeof(kItem) - 1});
    const auto flags = static_cast<uint8_t>((is_secret_name(owner_text.text()) ? kIsSecret : 0) |
                                            (store.step == Step::kStoresItem ? kHasKey : 0));
    add(store, marks_of(text.text(), wishes_for(owner_text.text()), kCategory), flags);
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

// False: the code is not understood.
bool collect_stores(PyObject* code, const PyRef& instructions, Collector* to) {
  const PyRef handlers = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_exceptiontable"));
  CodeText text = {};
  char* bytes = nullptr;
  PySize size = 0;
  char* table = nullptr;
  PySize table_size = 0;
  if (!handlers || g_python.PyBytes_AsStringAndSize(instructions.get(), &bytes, &size) != 0 ||
      g_python.PyBytes_AsStringAndSize(handlers.get(), &table, &table_size) != 0) {
    return false;
  }
  static const auto effect =
      reinterpret_cast<StackEffect>(find_python_symbol("PyCompile_OpcodeStackEffectWithJump"));
  if (effect == nullptr) {
    return false;
  }
  text.code = reinterpret_cast<unsigned char*>(bytes);
  text.bytes = static_cast<size_t>(size);
  text.handlers = reinterpret_cast<unsigned char*>(table);
  text.handler_bytes = static_cast<size_t>(table_size);
  text.stack_size = static_cast<uint32_t>(number_of(code, "co_stacksize"));
  text.begins_resumed = generators_begin_with_a_value(g_python.minor) &&
                        (number_of(code, "co_flags") & kGenerator) != 0;
  return find_stores(g_python.minor, text, effect, visit_store, to);
}

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

CodePlan* make_plan(PyObject* code,
                    uint32_t entry,
                    const LoggedParameter* parameters,
                    uint32_t parameter_count,
                    const LoggedStore* stores,
                    uint32_t store_count) {
  const size_t bytes = sizeof(CodePlan) + parameter_count * sizeof(LoggedParameter) +
                       store_count * sizeof(LoggedStore);
  auto* const plan = static_cast<CodePlan*>(take_block(bytes));
  if (plan == nullptr) {
    return nullptr;
  }
  plan->code = code;
  plan->interpreter = interpreter_id(current_interpreter());
  plan->bytes = static_cast<uint32_t>(bytes);
  plan->entry = entry;
  plan->variables = store_count == 0 ? 0 : count_variables(code);
  plan->parameter_count = parameter_count;
  plan->store_count = store_count;
  for (uint32_t i = 0; i < parameter_count; ++i) {
    plan->parameters()[i] = parameters[i];
  }
  for (uint32_t i = 0; i < store_count; ++i) {
    plan->stores()[i] = stores[i];
  }
  return plan;
}

}  // namespace

CodePlan* plan_code(PyObject* code, tracer::Text qualified) {
  const PyRef bare = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_name"));
  const Utf8 name(bare.get());
  const bool all = all_stores_wanted(name.text(), qualified);
  const uint32_t entry = entries_wanted(name.text(), qualified)
                             ? mark_name(MarkKind::kInstant, qualified, text_of(kEntryCategory))
                             : 0;
  const PyRef names = tuple_of(code, "co_names");
  const PyRef instructions =
      PyRef::steal(g_python.PyCode_GetCode == nullptr ? nullptr : g_python.PyCode_GetCode(code));
  const bool binds = has_monitoring(g_python.minor) && names && instructions &&
                     (all || may_bind_what_is_wanted(code));
  if (!binds && entry == 0) {
    return nullptr;
  }
  LoggedParameter parameters[kMostArguments];
  uint32_t parameter_count = 0;
  char* bytes = nullptr;
  PySize size = 0;
  Collector stores = {code, names.get(), all, nullptr, 0, 0};
  size_t room_bytes = 0;
  if (binds) {
    parameter_count = collect_parameters(code, parameters, kMostArguments);
    (void)g_python.PyBytes_AsStringAndSize(instructions.get(), &bytes, &size);
    stores.room = static_cast<uint32_t>(size);  // at most two in an instruction
    room_bytes = size_t{stores.room} * sizeof(LoggedStore);
    stores.stores = static_cast<LoggedStore*>(room_bytes == 0 ? nullptr : map_pages(room_bytes));
    if (stores.stores != nullptr && !collect_stores(code, instructions, &stores)) {
      stores.count = 0;
      tell_function_untold(qualified);
    }
  }
  g_python.PyErr_Clear();
  CodePlan* const plan =
      entry != 0 || parameter_count != 0 || stores.count != 0
          ? make_plan(code, entry, parameters, parameter_count, stores.stores, stores.count)
          : nullptr;
  if (stores.stores != nullptr) {
    unmap_pages(stores.stores, room_bytes);
  }
  g_python.PyErr_Clear();
  return plan;
}

void list_plan(CodePlan* plan) {
  const WordLock lock(&runtime_root()->plans_lock);
  plan->has_events = true;
  plan->previous = nullptr;
  plan->next = g_plans.with_events;
  if (plan->next != nullptr) {
    plan->next->previous = plan;
  }
  g_plans.with_events = plan;
}

void free_plan(CodePlan* plan) {
  if (plan == nullptr) {
    return;
  }
  if (plan->has_events) {
    const WordLock lock(&runtime_root()->plans_lock);
    (plan->previous == nullptr ? g_plans.with_events : plan->previous->next) = plan->next;
    if (plan->next != nullptr) {
      plan->next->previous = plan->previous;
    }
  }
  give_block(plan, plan->bytes);
}

void forget_plans() {
  const WordLock lock(&runtime_root()->plans_lock);
  for (CodePlan* plan = g_plans.with_events; plan != nullptr; plan = plan->next) {
    plan->has_events = false;
  }
  g_plans.with_events = nullptr;
}

void visit_codes_with_events(void (*visit)(PyObject* code, void* argument), void* argument) {
  const int64_t interpreter = interpreter_id(current_interpreter());
  CodePlan* plan = nullptr;
  for (bool begins = true;; begins = false) {
    {
      // A plan of this interpreter stays; one of another may end without the lock.
      const WordLock lock(&runtime_root()->plans_lock);
      plan = begins ? g_plans.with_events : plan->next;
      while (plan != nullptr && plan->interpreter != interpreter) {
        plan = plan->next;
      }
    }
    if (plan == nullptr) {
      return;
    }
    visit(plan->code, argument);
  }
}

const LoggedStore* find_store(CodePlan* plan, uint32_t offset, const LoggedStore** end) {
  const LoggedStore* const stores = plan->stores();
  *end = stores + plan->store_count;
  uint32_t low = 0;
  uint32_t high = plan->store_count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (stores[middle].offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < plan->store_count && stores[low].offset == offset ? &stores[low] : nullptr;
}

}  // namespace vtn::runtime
