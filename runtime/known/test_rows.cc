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

// As pytest calls them, from the least to what matters most.
enum Outcome : uint8_t { kUntold, kPassed, kXPassed, kXFailed, kSkipped, kFailed, kError };
constexpr const char* kOutcomeNames[] = {
    "", "passed", "xpassed", "xfailed", "skipped", "failed", "error"};

constexpr char kTestCategory[] = "test";
constexpr char kPhaseCategory[] = "test phase";
constexpr char kSetup[] = "setup";
constexpr char kCall[] = "call";
constexpr char kTeardown[] = "teardown";

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

bool begin(const KnownCall& call, tracer::Text name, const char* category) {
  if (name.bytes == 0) {
    return false;
  }
  name_it(call.open, name, category);
  tell_begin(call.thread, call.open);
  return true;
}

// Of the innermost call of that kind that is open, and, if that is wanted, of that object.
void tell(tracer::ThreadState* thread, KnownKind kind, const void* of, Outcome outcome) {
  OpenKnownCall* const open = innermost_known(thread, kind);
  if (open != nullptr && (of == nullptr || open->argument == of) && open->outcome < outcome) {
    open->outcome = outcome;
  }
}

PyRef exact_text(const PyRef& object) {
  return object && type_of(object.get()) == g_python.PyUnicode_Type ? PyRef::hold(object.get())
                                                                    : PyRef();
}

bool is_text(const PyRef& object, const char* literal) {
  const PyRef text = exact_text(object);
  return text && Utf8(text.get()).equals(literal);
}

// By a report of pytest's.
Outcome reported(const PyRef& outcome) {
  return is_text(outcome, "passed")    ? kPassed
         : is_text(outcome, "skipped") ? kSkipped
         : is_text(outcome, "failed")  ? kFailed
                                       : kUntold;
}

bool unittest_phase_begins(const KnownCall& call, const char* phase) {
  const OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kUnittest);
  return test != nullptr && test->argument == call.first &&
         begin(call, text_of(phase), kPhaseCategory);
}

bool unittest_says(const KnownCall& call, Outcome outcome) {
  tell(call.thread, KnownKind::kUnittest, call.second, outcome);
  return false;
}

}  // namespace

bool pytest_test_begins(const KnownCall&) { return true; }

bool pytest_says_which(const KnownCall& call) {
  constexpr unsigned kValueParameter = 2;
  OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kPytestTest);
  if (test == nullptr || test->name != kIdNone ||
      !is_text(PyRef::hold(call.second), "PYTEST_CURRENT_TEST")) {
    return false;
  }
  const PyRef value = exact_text(argument_of(call, kValueParameter));
  const Utf8 text(value.get());
  const auto* const phase =
      static_cast<const char*>(memrchr(text.text().data, '(', text.text().bytes));
  if (phase != nullptr && phase > text.text().data + 1) {
    name_it(test,
            {text.text().data, static_cast<size_t>(phase - 1 - text.text().data)},
            kTestCategory);
    tell_begin(call.thread, test);
    OpenKnownCall* const first_phase = innermost_known(call.thread, KnownKind::kPytestPhase);
    if (first_phase != nullptr && !first_phase->is_told) {
      tell_begin(call.thread, first_phase);
    }
  }
  return false;
}

bool pytest_phase_begins(const KnownCall& call) {
  const PyRef when = exact_text(PyRef::hold(call.second));
  if (!when) {
    return false;
  }
  const Utf8 phase(when.get());
  call.open->is_fixture = !phase.equals(kCall);
  name_it(call.open, phase.text(), kPhaseCategory);
  // The test is named within its first phase, and comes before that.
  const OpenKnownCall* const test = innermost_known(call.thread, KnownKind::kPytestTest);
  if (test == nullptr || test->is_told) {
    tell_begin(call.thread, call.open);
  }
  return true;
}

bool pytest_outcome(const KnownCall& call) {
  constexpr unsigned kOutcomeParameter = 4;
  if (OpenKnownCall* const phase = innermost_known(call.thread, KnownKind::kPytestPhase)) {
    phase->outcome = reported(argument_of(call, kOutcomeParameter));
  }
  return false;
}

// What counts as skipped because it was expected to fail did fail, and what passed should not have.
bool pytest_expectation(const KnownCall& call) {
  OpenKnownCall* const phase = innermost_known(call.thread, KnownKind::kPytestPhase);
  if (phase != nullptr && call.second != nullptr && plain_attribute(call.second, "wasxfail")) {
    const Outcome outcome = reported(plain_attribute(call.second, "outcome"));
    phase->outcome = outcome == kSkipped ? kXFailed : outcome == kPassed ? kXPassed : outcome;
  }
  return false;
}

bool unittest_test_begins(const KnownCall& call) {
  if (innermost_known(call.thread, KnownKind::kPytestPhase) != nullptr) {
    return false;
  }
  const PyRef method = exact_text(plain_attribute(call.first, "_testMethodName"));
  const PyRef module = module_of(type_of(call.first));
  const PyRef name = qualname_of(type_of(call.first));
  if (!method || !module || !name) {
    return false;
  }
  TextBuilder text;
  text.add(Utf8(module.get()).text());
  text.add(".");
  text.add(Utf8(name.get()).text());
  text.add(".");
  text.add(Utf8(method.get()).text());
  return begin(call, text.text(), kTestCategory);
}

bool unittest_setup_begins(const KnownCall& call) { return unittest_phase_begins(call, kSetup); }
bool unittest_call_begins(const KnownCall& call) { return unittest_phase_begins(call, kCall); }
bool unittest_teardown_begins(const KnownCall& call) {
  return unittest_phase_begins(call, kTeardown);
}

bool unittest_error(const KnownCall& call) { return unittest_says(call, kError); }
bool unittest_failure(const KnownCall& call) { return unittest_says(call, kFailed); }
bool unittest_skip(const KnownCall& call) { return unittest_says(call, kSkipped); }
bool unittest_expected_failure(const KnownCall& call) { return unittest_says(call, kXFailed); }
bool unittest_unexpected_success(const KnownCall& call) { return unittest_says(call, kXPassed); }
bool unittest_subtest(const KnownCall& call) {
  constexpr unsigned kErrorParameter = 3;
  const PyRef error = argument_of(call, kErrorParameter);
  return error && error.get() != g_python._Py_NoneStruct && unittest_says(call, kFailed);
}

void tell_test(const KnownCall& call) {
  const OpenKnownCall& open = *call.open;
  if (open.name == kIdNone) {
    return;  // nobody said which it was
  }
  auto outcome = static_cast<Outcome>(open.outcome);
  if (call.kind == KnownKind::kPytestPhase) {
    tell(call.thread,
         KnownKind::kPytestTest,
         call.first,
         outcome == kFailed && open.is_fixture ? kError : outcome);
  } else if (call.kind == KnownKind::kUnittest && outcome == kUntold) {
    outcome = kPassed;
  }
  Mark mark(/*safely=*/true);
  mark.add_span_length(open.begin_ticks, tracer::read_ticks(tracer::g_engine.clock));
  if (outcome != kUntold) {
    mark.add_text("outcome", text_of(kOutcomeNames[outcome]));
  }
  mark.record_as(call.thread, NoteKind::kSpan, open.name, open.begin_ticks);
}

}  // namespace vtn::runtime
