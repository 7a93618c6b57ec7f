// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/functions.h"

#include <errno.h>
#include <string.h>

#include "base/freestanding/atomic.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/budget.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/code_table.h"
#include "runtime/capture/identities.h"
#include "runtime/capture/instruction_trace.h"
#include "runtime/capture/monitoring.h"
#include "runtime/capture/open_frames.h"
#include "runtime/capture/own_profilers.h"
#include "runtime/capture/program_names.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/known/known_functions.h"
#include "runtime/module/native_module.h"
#include "runtime/python/code_extra.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/type_names.h"
#include "runtime/python/versions.h"
#include "runtime/variables/plans.h"
#include "runtime/variables/variables.h"
#include "runtime/variables/wishes.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

KeepErrno::KeepErrno() : saved_(errno) {}
KeepErrno::~KeepErrno() { errno = saved_; }

namespace {

constexpr int kDeepestMethod = 8;  // bound methods of bound methods
constexpr size_t kFindObjectResultBytes = 256;
// What is asked of a code object, at its first call.
enum CodeAttribute { kName, kFile, kLine, kFlags, kCodeAttributes };

constexpr int32_t kUnknownOffset = INT32_MIN;
constexpr CodeIds kHiddenIds = {kIdHidden, kIdHidden};
constexpr char kOfNoUse[] = "";  // in place of a type's name: not null, and nobody's

struct {
  int (*find_object)(void*, void*);
  bool has_version_tags;
  PyObject* code_attributes[kCodeAttributes];  // the main interpreter's; null: not made yet
} g_functions;

template <class T>
void swap(T* one, T* other) {
  const T kept = *one;
  *one = *other;
  *other = kept;
}

struct Forgotten {
  const void* code;
  uint32_t slot;
};

// The thread may be storing another code there now, under the GIL of another interpreter.
void forget_in_thread(tracer::ThreadState* state, void* argument) {
  const auto* forgotten = static_cast<const Forgotten*>(argument);
  const void* expected = forgotten->code;
  (void)compare_swap(
      &part_of(state)->codes[forgotten->slot].code, &expected, static_cast<const void*>(nullptr));
}

}  // namespace

void forget_in_threads(const void* code) {
  Forgotten forgotten = {code, code_cache_slot(code)};
  tracer::visit_threads(forget_in_thread, &forgotten);
}

namespace {

// The code object is being freed: its address may be another's the next moment.
void code_died(void* extra) {
  auto* identity = static_cast<CodeIdentity*>(extra);
  if (identity == nullptr) {
    return;
  }
  forget_in_threads(identity->code);
  if (OpenCode* const open = open_frames_of(identity->code)) {
    end_open_frames(open);
  }
  forget_lines();
  forget_traced_code(static_cast<const PyObject*>(identity->code));
  identity->code = nullptr;
  identity->interpreter = kNoInterpreter;
  identity->switched_off = false;
  free_plan(identity->plan);
  identity->plan = nullptr;
  give_identity(identity);
}

// A code watcher: it begins or dies, and what was at its address has died.
int code_changed(int, PyObject* code) {
  code_died(take_out_of_code_table(code));
  return 0;
}

// A function goes to another interpreter by its code, from 3.14 on, and only if that is as it was
// made: nothing may hang on it.
bool code_stays_untouched() {
  return code_is_handed_on_untouched(g_python.minor) && g_python.PyCode_AddWatcher != nullptr;
}

CodeIdentity* known_code(PyObject* code, PySize index) {
  return code_stays_untouched() ? find_in_code_table(code)
                                : static_cast<CodeIdentity*>(code_extra(code, index));
}

// The same in the current interpreter, whatever that has for it.
const CodeIdentity* identity_of(PyObject* code) {
  const KeepErrno keep_errno;
  const PySize index = code_extra_index();
  return index < 0 ? nullptr : known_code(code, index);
}

bool make_known(PyObject* code, PySize index, CodeIdentity* identity) {
  return code_stays_untouched() ? add_to_code_table(code, identity)
                                : set_code_extra(code, index, identity);
}

// By a name that is interned, as the type's own is: another would be a miss in CPython's cache of
// attributes, and take the place of one of the program's.
PyRef attribute_of(PyObject* code, CodeAttribute which) {
  const char* const names[kCodeAttributes] = {
      code_has_qualname(g_python.minor) ? "co_qualname" : "co_name",
      "co_filename",
      "co_firstlineno",
      "co_flags"};
  if (current_interpreter() != g_python.PyInterpreterState_Main()) {
    return PyRef::steal(g_python.PyObject_GetAttrString(code, names[which]));
  }
  PyObject*& name = g_functions.code_attributes[which];
  if (name == nullptr) {
    name = g_python.PyUnicode_InternFromString(names[which]);
  }
  return PyRef::steal(name == nullptr ? nullptr : g_python.PyObject_GetAttr(code, name));
}

// Whether the events of this code come from a frame that the interpreter runs. Asked once for each
// code: the API makes a frame object to answer.
bool runs_in_a_frame(const PyObject* code) {
  PyFrame* frame = g_python.PyEval_GetFrame();  // borrowed
  return frame != nullptr && PyRef::steal(g_python.PyFrame_GetCode(frame)).get() == code;
}

// Whether it is recorded, as the filters have it; marked if it excludes what it calls.
bool pass_filters(Verdict verdict, tracer::Function* function) {
  if (verdict == Verdict::kHidden) {
    tracer::tell_hidden(*function);
  }
  if (verdict == Verdict::kHidden || verdict == Verdict::kNothingIs) {
    return false;
  }
  function->flags |= verdict == Verdict::kExcludesSubtree ? uint32_t{kFunctionExcludesSubtree} : 0;
  return true;
}

struct NewCode {
  CodeIds ids;
  bool of_name;   // its calls tell of a thread's name
  uint8_t known;  // the row of a known function; 0: it is none
  bool excludes;  // and all below them is left out
  WantedValues values;
  CodePlan* plan;  // owned
};

// What is to be told of what the code binds; null: nothing.
CodePlan* plan_variables(PyObject* code, tracer::Text name) {
  CodePlan* plan = plan_code(code, name);
  if (plan != nullptr && has_monitoring(g_python.minor) && !runs_in_a_frame(code)) {
    free_plan(plan);
    plan = nullptr;
  }
  return plan;
}

NewCode intern_code(PyObject* code, PyObject* globals) {
  constexpr long kIsResumed = 0x20 | 0x80 | 0x200;  // CO_GENERATOR, COROUTINE, ASYNC_GENERATOR
  const PyRef name = attribute_of(code, kName);
  const PyRef file = attribute_of(code, kFile);
  const PyRef line = attribute_of(code, kLine);
  const PyRef flags = attribute_of(code, kFlags);
  const long line_number = line ? g_python.PyLong_AsLong(line.get()) : 0;
  const Utf8 name_text(name.get());
  const Utf8 file_text(file.get());
  const bool resumed = flags && (g_python.PyLong_AsLong(flags.get()) & kIsResumed) != 0;
  tracer::Function function = {FunctionKind::kPython,
                               name_text.text(),
                               file_text.text(),
                               line_number > 0 ? static_cast<uint32_t>(line_number) : 0,
                               resumed ? uint32_t{kFunctionResumed} : 0};
  NewCode made = {};
  if (is_own_file(function.file)) {
    hide_own_package();
    monitoring_meets_hidden_code();
    profile_tells_ends_by_code();
    made.ids = kHiddenIds;
    return made;
  }
  made.of_name = tells_of_name(code, function.name, function.file);
  made.known = find_known_function(code, function.name, function.file);
  g_known_function_met = g_known_function_met || made.known != 0;
  if (made.known != 0 && tells_of_ends(made.known)) {
    profile_tells_ends_by_code();
    want_all_events();
  }
  if ((filters_on() || values_wanted()) && globals == nullptr && runs_in_a_frame(code)) {
    globals = g_python.PyEval_GetGlobals();
  }
  if (filters_on()) {
    const Verdict verdict = judge_code(function.name, function.file, globals);
    if (!pass_filters(verdict, &function)) {
      made.ids = kHiddenIds;
      if (verdict == Verdict::kNothingIs && variables_wanted()) {
        made.plan = plan_variables(code, function.name);
      }
      return made;
    }
    made.excludes = verdict == Verdict::kExcludesSubtree;
    want_all_events();
  }
  const uint32_t id = tracer::intern_function(function);
  made.ids = {id, resumed && id != kIdTooManyNames ? id + 1 : id};
  if (values_wanted()) {
    made.values = wanted_values(code, id, function.name, function.file, globals);
  }
  if (variables_wanted()) {
    made.plan = plan_variables(code, function.name);
  }
  return made;
}

// Memory that is there for good: the mapping of a loaded library or of the executable.
bool lasts_for_ever(const void* address) {
  alignas(16) char result[kFindObjectResultBytes];
  return address == nullptr || (g_functions.find_object != nullptr &&
                                g_functions.find_object(const_cast<void*>(address), result) == 0);
}

// The standard library's frozen code, where it is one object for all interpreters. What a
// sub-interpreter stored in it would be read, and freed, by the others. Where nothing tells what
// lasts, any code may be such.
bool is_shared_code(const PyObject* code) {
  return frozen_code_is_shared(g_python.minor) &&
         current_interpreter() != g_python.PyInterpreterState_Main() &&
         (g_functions.find_object == nullptr || lasts_for_ever(code));
}

uint32_t intern_dotted(FunctionKind kind, tracer::Text first, tracer::Text second) {
  char joined[kMaxNameBytes];
  size_t bytes = 0;
  if (first.bytes != 0 && first.bytes + second.bytes + 1 <= sizeof(joined)) {
    memcpy(joined, first.data, first.bytes);
    joined[first.bytes] = '.';
    bytes = first.bytes + 1;
  }
  if (bytes + second.bytes > sizeof(joined)) {
    second.bytes = sizeof(joined) - bytes;
  }
  memcpy(joined + bytes, second.data, second.bytes);
  return named_id(kind, {joined, bytes + second.bytes});
}

// A type made in C has its module in its name. That of the program itself, or of the language, says
// nothing. kIdNone: it is one of ours.
uint32_t intern_class(FunctionKind kind, const void* type) {
  const tracer::Text name = text_of(type_name(static_cast<const PyObject*>(type)));
  if (memchr(name.data, '.', name.bytes) != nullptr) {
    return is_own_name(name) ? uint32_t{kIdNone} : named_id(kind, name);
  }
  const PyRef holder = module_of(type);
  const Utf8 module(holder.get());
  if (is_own_name(module.text())) {
    return kIdNone;
  }
  const bool says_nothing = module.equals("__main__") || module.equals("builtins");
  return intern_dotted(kind, says_nothing ? tracer::Text{} : module.text(), name);
}

// Of all that names it, never 0.
uint64_t hash_of_names(const CallableKey& key) {
  const uint64_t hash = names_hash(key);
  if (!is_named_by_class(key)) {
    return hash;
  }
  const PendingException pending;
  const PyRef module = module_of(key.key);
  return module ? (hash ^ static_cast<uint64_t>(g_python.PyObject_Hash(module.get()))) | 1 : hash;
}

uint32_t intern_c_function(PyObject* callable,
                           const PyMethodDef* definition,
                           const PyObject* type) {
  const tracer::Text name = text_of(definition->name);
  const PyObject* kind = type_of(callable);
  if (kind == g_python.PyCFunction_Type || kind == g_python.PyCMethod_Type) {
    const Utf8 module(cfunction_module(callable));
    if (module.text().bytes != 0) {
      return intern_dotted(FunctionKind::kC, module.text(), name);
    }
  }
  return intern_dotted(
      FunctionKind::kC, type == nullptr ? tracer::Text{} : text_of(type_name(type)), name);
}

// From now on the entry holds as long as the type stays as it is, where CPython says when it does
// not, and where nothing but the type's name can change.
void trust_type(CallableCacheEntry* entry, const CallableKey& key) {
  const PyObject* const type = named_type(key);
  const auto* definition = static_cast<const PyMethodDef*>(key.key);
  const bool is_definition = type != key.key;
  if (!g_functions.has_version_tags || type == nullptr ||
      (is_definition && !(lasts_for_ever(definition) && lasts_for_ever(definition->name)))) {
    entry->type_name = kOfNoUse;
    entry->version_tag = 0;
    return;
  }
  entry->type_name = type_name(type);
  entry->version_tag = version_tag(type);
}

// Puts it into the first place, and what was there into the second.
uint32_t remember(tracer::ThreadState* thread, const CallableKey& key, uint32_t id, bool lasting) {
  ThreadPart* const part = part_of(thread);
  const uint32_t slot = callable_cache_slot(key.key, key.type);
  part->callables[slot ^ 1] = part->callables[slot];
  part->name_hashes[slot ^ 1] = part->name_hashes[slot];
  part->name_hashes[slot] = lasting ? 0 : hash_of_names(key);
  CallableCacheEntry* entry = &part->callables[slot];
  *entry = {.key = key.key, .type = key.type, .type_name = nullptr, .id = id, .version_tag = 0};
  if (!lasting) {
    trust_type(entry, key);
  }
  return id;
}

// The id that is remembered in either place, if the names still read the same; kIdNone: none.
uint32_t remembered_id(tracer::ThreadState* thread, const CallableKey& key) {
  ThreadPart* const part = part_of(thread);
  const uint32_t first = callable_cache_slot(key.key, key.type);
  for (uint32_t place = 0; place < 2; ++place) {
    const uint32_t slot = first ^ place;
    CallableCacheEntry* entry = &part->callables[slot];
    const uint64_t hash = part->name_hashes[slot];
    if (entry->key != key.key || entry->type != key.type ||
        (hash != 0 && hash != hash_of_names(key))) {
      continue;
    }
    if (hash != 0) {
      trust_type(entry, key);
    }
    const uint32_t id = entry->id;
    if (slot != first) {
      swap(entry, &part->callables[first]);
      swap(&part->name_hashes[slot], &part->name_hashes[first]);
    }
    return id;
  }
  return kIdNone;
}

void remember_code(tracer::ThreadState* thread,
                   const PyObject* code,
                   const CodeIds& ids,
                   uint16_t values) {
  ThreadPart* const part = part_of(thread);
  const uint32_t slot = code_cache_slot(code);
  part->values[slot] = values;
  part->codes[slot] = {code, ids};
}

uint16_t brief_values(const CodeIdentity* identity) {
  return static_cast<uint16_t>(identity->values.brief() |
                               (identity->plan != nullptr ? kIsLogged : 0));
}

// In place of the one it had in the process that this one was forked of.
void take_plan(CodeIdentity* identity, PyObject* code, CodePlan* plan) {
  free_plan(identity->plan);
  identity->plan = plan;
  if (plan == nullptr || (plan->store_count == 0 && plan->point_count == 0) ||
      !has_monitoring(g_python.minor)) {
    return;
  }
  if (ask_for_instructions(code)) {
    list_plan(plan);
  } else {
    tell_variables_untold("the interpreter refused the events of instructions");
  }
}

}  // namespace

uint32_t named_id(FunctionKind kind, tracer::Text name) {
  tracer::Function function = {kind, name};
  return !filters_on() || pass_filters(judge_callable(name), &function)
             ? tracer::intern_function(function)
             : uint32_t{kIdHidden};
}

bool is_known_hidden(const tracer::ThreadState* thread, PyObject* code) {
  if (is_remembered(thread, code)) {
    return part_of(thread)->codes[code_cache_slot(code)].ids.id == kIdHidden;
  }
  const CodeIdentity* identity = identity_of(code);
  return identity != nullptr && identity->epoch == tracer::g_engine.epoch &&
         identity->ids.id == kIdHidden;
}

CodePlan* plan_of(tracer::ThreadState* thread, PyObject* code) {
  (void)code_ids(thread, code);  // of a forked child: makes it its own
  const CodeIdentity* identity = identity_of(code);
  return identity == nullptr ? nullptr : identity->plan;
}

uint16_t values_of_unremembered(PyObject* code) {
  const bool may_be_known = type_of(code) == g_python.PyCode_Type && !is_shared_code(code);
  const CodeIdentity* const identity = may_be_known ? identity_of(code) : nullptr;
  return identity != nullptr && identity->sent_by_c == 0 ? brief_values(identity) : uint16_t{0};
}

bool g_known_function_met = false;

uint8_t known_function_of_unremembered(PyObject* code) {
  const bool may_be_known = type_of(code) == g_python.PyCode_Type && !is_shared_code(code);
  const CodeIdentity* const identity = may_be_known ? identity_of(code) : nullptr;
  return identity == nullptr ? uint8_t{0} : identity->known_function;
}

WantedValues wanted_values_of(PyObject* code) {
  const CodeIdentity* identity = identity_of(code);
  return identity == nullptr ? WantedValues{} : identity->values;
}

bool start_functions(int (*find_object)(void* address, void* result)) {
  g_functions.find_object = find_object;
  for (PyObject*& name : g_functions.code_attributes) {
    name = nullptr;  // those of an interpreter that was finalized are gone
  }
  start_type_names();
  g_functions.has_version_tags = has_version_tags(g_python.minor) && check_version_tags();
  if (code_extra_index() >= 0) {
    return true;  // in another session before
  }
  const PySize index = code_stays_untouched() ? g_python.PyCode_AddWatcher(code_changed)
                                              : g_python._PyEval_RequestCodeExtraIndex(code_died);
  settle_interpreter(interpreter_id(current_interpreter()), index);
  return code_extra_index() >= 0;
}

CodeIds code_ids_slow(tracer::ThreadState* thread, PyObject* code, PyObject* globals) {
  if (OpenCode* const open = open_frames_of(code)) {
    const void* const frame = current_frame(current_thread_state());
    if (!is_open_frame(open, frame)) {
      return kHiddenIds;
    }
    settle_open_frame(open, frame);
    return open->ids;
  }
  if (type_of(code) != g_python.PyCode_Type) {
    const uint32_t id = callable_id_slow(thread, code, {type_of(code), instance_mark()});
    return {id, id};
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  tracer::ensure_process();
  const PySize index = code_extra_index();
  if (index < 0 || is_shared_code(code)) {
    const NewCode made = intern_code(code, globals);
    free_plan(made.plan);
    if (index >= 0 && lasts_for_ever(code)) {
      remember_code(thread, code, made.ids, 0);
    }
    return made.ids;
  }
  auto* identity = known_code(code, index);
  if (identity == nullptr || identity->epoch != tracer::g_engine.epoch) {
    const NewCode made = intern_code(code, globals);
    look_for_lsprof();
    if (identity == nullptr) {
      identity = take_identity();
      if (identity == nullptr || !make_known(code, index, identity)) {
        if (identity != nullptr) {
          give_identity(identity);
        }
        free_plan(made.plan);
        return made.ids;  // not remembered: nobody would tell us of its death
      }
    }
    identity->interpreter = static_cast<int32_t>(interpreter_id(current_interpreter()));
    if (!identity->switched_off) {  // of code that is, in a forked child, nothing may run
      identity->sent_by_c = c_code_sends_events(g_python.minor) && !runs_in_a_frame(code) ? 1 : 0;
    }
    identity->epoch = tracer::g_engine.epoch;
    identity->ids = made.ids;
    identity->start_offset = kUnknownOffset;
    identity->tells_of_name = made.of_name ? 1 : 0;
    identity->known_function = identity->sent_by_c == 0 ? made.known : 0;
    identity->values = made.values;
    take_plan(identity, code, made.plan);
    // Its events are needed for something else, or are not CPython's.
    identity->stays_on = identity->sent_by_c != 0 || made.of_name || made.known != 0 ||
                         made.excludes || identity->plan != nullptr;
    store_release(&identity->code, static_cast<const void*>(code));
    if (budget_on()) {
      heed_budget_anew(identity);
    }
  }
  if (identity->tells_of_name != 0) {
    name_may_change(thread);
    return identity->ids;
  }
  if (identity->known_function != 0) {
    return identity->ids;
  }
  // Where no filter hides anything, handlers do not ask whether what they remember is hidden: our
  // own code is.
  if (identity->sent_by_c == 0 && (identity->ids.id != kIdHidden || filters_on())) {
    remember_code(thread, code, identity->ids, brief_values(identity));
  }
  return identity->ids;
}

bool is_resumed(PyFrame* frame, PyObject* code) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const PySize index = code_extra_index();
  CodeIdentity* identity = index < 0 ? nullptr : known_code(code, index);
  int32_t start = identity == nullptr ? kUnknownOffset : identity->start_offset;
  if (start == kUnknownOffset) {
    start = start_offset(code);
    if (identity != nullptr) {
      identity->start_offset = start;
    }
  }
  const PyRef at =
      PyRef::steal(g_python.PyObject_GetAttrString(reinterpret_cast<PyObject*>(frame), "f_lasti"));
  const long offset = at ? g_python.PyLong_AsLong(at.get()) : -1;
  g_python.PyErr_Clear();
  return offset > start;
}

uint32_t callable_id_slow(tracer::ThreadState* thread, PyObject* callable, const CallableKey& key) {
  if (is_own_definition(key.key)) {
    return kIdNone;
  }
  const uint32_t remembered = remembered_id(thread, key);
  if (remembered != kIdNone) {
    return remembered;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  if (is_named_by_class(key)) {
    const uint32_t id = intern_class(
        key.type == class_mark() ? FunctionKind::kType : FunctionKind::kCallable, key.key);
    const char* const name = type_name(static_cast<const PyObject*>(key.key));
    if (id == kIdNone) {
      return id;  // never remembered: handlers record what is
    }
    return remember(thread, key, id, lasts_for_ever(key.key) && lasts_for_ever(name));
  }
  const auto* definition = static_cast<const PyMethodDef*>(key.key);
  const uint32_t id =
      intern_c_function(callable, definition, static_cast<const PyObject*>(key.type));
  if (is_setprofile(callable)) {
    return id;  // never remembered: its events take the general way, where they are noticed
  }
  return remember(
      thread,
      key,
      id,
      lasts_for_ever(definition) && lasts_for_ever(definition->name) && lasts_for_ever(key.type));
}

// CALL reports the method, C_RETURN what it is bound to: so it is looked through.
uint32_t method_id(tracer::ThreadState* thread, PyObject* method) {
  PyObject* callable = method;
  for (int depth = 0; type_of(callable) == g_python.PyMethod_Type; ++depth) {
    if (depth == kDeepestMethod) {
      return callable_id_slow(thread, callable, {g_python.PyMethod_Type, instance_mark()});
    }
    callable = g_python.PyMethod_Function(callable);
  }
  return callable_id(thread, callable);
}

}  // namespace vtn::runtime
