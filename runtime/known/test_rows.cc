// SPDX-License-Identifier: Apache-2.0
#include "runtime/known/test_rows.h"

#include <string.h>

#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "runtime/python/text_builder.h"
#include "runtime/python/type_names.h"
#include "runtime/values/objects.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

constexpr const char* kOutcomeNames[] = {
    "", "passed", "xpassed", "xfailed", "skipped", "failed", "error"};
constexpr const char* kPhaseNames[] = {"setup", "call", "teardown"};

constexpr char kTestCategory[] = "test";
constexpr char kPhaseCategory[] = "test phase";

void name_it(OpenKnownCall* open, tracer::Text name, const char* category) {
  tracer::ensure_process();
  open->name = tracer::intern_function({FunctionKind::kSpan, name, text_of(category)});
}

// It has begun when its call did.
void tell_begin(tracer::ThreadState* thread, OpenKnownCall* open) {
  Mark mark(/*safely=*/true);
  mark.record_as(thread, NoteKind::kSpanBegin, open->name, open->begin_ticks);
  open->is_told = true;
}

void begin(tracer::ThreadState* thread,
           OpenKnownCall* open,
           tracer::Text name,
           const char* category) {
  name_it(open, name, category);
  tell_begin(thread, open);
}

void comes_to(OpenKnownCall* open, uint8_t outcome) {
  open->outcome = open->outcome < outcome ? outcome : open->outcome;
}

bool is_exact_text(PyObject* object) {
  return object != nullptr && type_of(object) == g_python.PyUnicode_Type;
}

bool says(PyObject* object, const char* literal) {
  return is_exact_text(object) && Utf8(object).equals(literal);
}

}  // namespace

bool pytest_test_begins(const KnownCall&) { return true; }

bool pytest_says_which(const KnownCall& call) {
  constexpr unsigned kValueParameter = 2;
  OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kPytestTest);
  if (test == nullptr || test->is_told || !says(call.second, "PYTEST_CURRENT_TEST")) {
    return false;
  }
  const PyRef value = argument_of(call, kValueParameter);
  const Utf8 said(is_exact_text(value.get()) ? value.get() : nullptr);
  tracer::Text name = said.text();
  // Of a long one the phase has been cut.
  const auto* const phase = name.bytes != 0 && name.data[name.bytes - 1] == ')'
                                ? static_cast<const char*>(memrchr(name.data, '(', name.bytes))
                                : nullptr;
  if (phase != nullptr && phase > name.data) {
    name.bytes = static_cast<size_t>(phase - 1 - name.data);
  }
  if (name.bytes == 0) {
    return false;
  }
  begin(call.thread, test, name, kTestCategory);
  OpenKnownCall* const first_phase = innermost_known(call.thread, KnownKind::kPytestPhase);
  if (first_phase != nullptr && !first_phase->is_told) {
    tell_begin(call.thread, first_phase);
  }
  return false;
}

bool pytest_phase_begins(const KnownCall& call) {
  if (!is_exact_text(call.second)) {
    return false;
  }
  const Utf8 phase(call.second);
  call.open->is_fixture = !phase.equals(kPhaseNames[kCall]);
  name_it(call.open, phase.text(), kPhaseCategory);
  // The test is named within its first phase, and comes before that.
  const OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kPytestTest);
  if (test == nullptr || test->is_told) {
    tell_begin(call.thread, call.open);
  }
  return true;
}

// What counts as skipped because it was expected to fail did fail; what passed should not have.
bool pytest_reports(const KnownCall& call) {
  OpenKnownCall* const phase = innermost_known(call.thread, KnownKind::kPytestPhase);
  if (phase == nullptr || call.second == nullptr) {
    return false;
  }
  const PyRef outcome = plain_attribute(call.second, "outcome");
  const bool expected = static_cast<bool>(plain_attribute(call.second, "wasxfail"));
  phase->outcome = says(outcome.get(), "passed")    ? (expected ? kXPassed : kPassed)
                   : says(outcome.get(), "skipped") ? (expected ? kXFailed : kSkipped)
                   : says(outcome.get(), "failed")  ? kFailed
                                                    : kUntold;
  return false;
}

bool unittest_test_begins(const KnownCall& call) {
  if (innermost_known(call.thread, KnownKind::kPytestPhase) != nullptr) {
    return false;
  }
  const PyRef method = plain_attribute(call.first, "_testMethodName");
  const PyRef module = module_of(type_of(call.first));
  const PyRef name = qualname_of(type_of(call.first));
  if (!is_exact_text(method.get()) || !module || !name) {
    return false;
  }
  TextBuilder text;
  text.add(Utf8(module.get()).text());
  text.add(".");
  text.add(Utf8(name.get()).text());
  text.add(".");
  text.add(Utf8(method.get()).text());
  begin(call.thread, call.open, text.text(), kTestCategory);
  return true;
}

bool unittest_phase_begins(const KnownCall& call) {
  const OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kUnittest);
  if (test == nullptr || test->argument != call.first) {
    return false;
  }
  begin(call.thread, call.open, text_of(kPhaseNames[call.detail]), kPhaseCategory);
  return true;
}

bool unittest_reports(const KnownCall& call) {
  OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kUnittest);
  if (test != nullptr && test->argument == call.second) {
    comes_to(test, call.detail);
  }
  return false;
}

bool unittest_reports_part(const KnownCall& call) {
  constexpr unsigned kErrorParameter = 3;
  const PyRef error = argument_of(call, kErrorParameter);
  return error && error.get() != g_python._Py_NoneStruct && unittest_reports(call);
}

void tell_test(const KnownCall& call) {
  const OpenKnownCall& open = *call.open;
  if (open.name == kIdNone) {
    return;  // nobody said which it was
  }
  OpenKnownCall* const test = call.kind == KnownKind::kPytestPhase
                                  ? innermost_known(call.thread, KnownKind::kPytestTest)
                                  : nullptr;
  // A fixture that passes says nothing of the test, and one that fails that it was not tested.
  if (test != nullptr && !(open.is_fixture && open.outcome == kPassed)) {
    comes_to(test, open.is_fixture && open.outcome == kFailed ? uint8_t{kError} : open.outcome);
  }
  Mark mark(/*safely=*/true);
  mark.add_span_length(open.begin_ticks, tracer::read_ticks(tracer::g_engine.clock));
  if (open.outcome != kUntold) {
    mark.add_text("outcome", text_of(kOutcomeNames[open.outcome]));
  }
  mark.record_as(call.thread, NoteKind::kSpan, open.name, open.begin_ticks);
}

}  // namespace vtn::runtime
