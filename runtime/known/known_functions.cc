// SPDX-License-Identifier: Apache-2.0
#include "runtime/known/known_functions.h"

#include <string.h>

#include "runtime/entry/process.h"
#include "runtime/known/otel_spans.h"
#include "runtime/known/test_rows.h"
#include "runtime/known/wall_times.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/variables/code_parts.h"
#include "tracer/clock.h"
#include "tracer/mute.h"

namespace vtn::runtime {

namespace {

constexpr unsigned kKnownParameters = 4;

struct KnownFunction {
  KnownKind kind;
  const char* file;                          // how its file's name ends, whole names of it
  const char* name;                          // qualified
  const char* parameters[kKnownParameters];  // the first ones
  bool (*begins)(const KnownCall& call);     // whether its end is of interest
  void (*ends)(const KnownCall& call);       // null: it never is
  uint8_t detail;                            // what these have to know of the row
};

constexpr char kOtelTrace[] = "opentelemetry/sdk/trace/__init__.py";
constexpr char kPytestRunner[] = "_pytest/runner.py";
constexpr char kUnittestCase[] = "unittest/case.py";
constexpr char kUnittestAsync[] = "unittest/async_case.py";
constexpr char kUnittestResult[] = "unittest/result.py";

// clang-format off
constexpr KnownFunction kKnownFunctions[] = {
    {KnownKind::kLibrarySpan, kOtelTrace, "Span.end", {"self", "end_time"},
     otel_span_is_open, tell_otel_span, 0},
    {KnownKind::kLibrarySpan, kOtelTrace, "Span._add_event", {"self", "event"},
     tell_otel_event, nullptr, 0},
    {KnownKind::kPytestTest, kPytestRunner, "runtestprotocol", {"item"},
     pytest_test_begins, tell_test, 0},
    {KnownKind::kPytestPhase, kPytestRunner, "call_and_report", {"item", "when"},
     pytest_phase_begins, tell_test, 0},
    {KnownKind::kTestReport, "os.py", "_Environ.__setitem__", {"self", "key", "value"},
     pytest_says_which, nullptr, 0},
    {KnownKind::kTestReport, kPytestRunner, "check_interactive_exception", {"call", "report"},
     pytest_reports, nullptr, 0},
    {KnownKind::kUnittest, kUnittestCase, "TestCase.run", {"self", "result"},
     unittest_test_begins, tell_test, 0},
    {KnownKind::kUnittestPhase, kUnittestCase, "TestCase._callSetUp", {"self"},
     unittest_phase_begins, tell_test, kSetup},
    {KnownKind::kUnittestPhase, kUnittestCase, "TestCase._callTestMethod", {"self", "method"},
     unittest_phase_begins, tell_test, kCall},
    {KnownKind::kUnittestPhase, kUnittestCase, "TestCase._callTearDown", {"self"},
     unittest_phase_begins, tell_test, kTeardown},
    {KnownKind::kUnittestPhase, kUnittestAsync, "IsolatedAsyncioTestCase._callSetUp", {"self"},
     unittest_phase_begins, tell_test, kSetup},
    {KnownKind::kUnittestPhase, kUnittestAsync, "IsolatedAsyncioTestCase._callTestMethod", {"self", "method"},
     unittest_phase_begins, tell_test, kCall},
    {KnownKind::kUnittestPhase, kUnittestAsync, "IsolatedAsyncioTestCase._callTearDown", {"self"},
     unittest_phase_begins, tell_test, kTeardown},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addSuccess", {"self", "test"},
     unittest_reports, nullptr, kPassed},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addError", {"self", "test", "err"},
     unittest_reports, nullptr, kError},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addFailure", {"self", "test", "err"},
     unittest_reports, nullptr, kFailed},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addSkip", {"self", "test", "reason"},
     unittest_reports, nullptr, kSkipped},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addExpectedFailure", {"self", "test", "err"},
     unittest_reports, nullptr, kXFailed},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addUnexpectedSuccess", {"self", "test"},
     unittest_reports, nullptr, kXPassed},
    {KnownKind::kTestReport, kUnittestResult, "TestResult.addSubTest", {"self", "test", "subtest", "err"},
     unittest_reports_part, nullptr, kFailed},
};
// clang-format on

bool g_library_spans_wanted;
bool g_rows_wanted;

bool is_wanted(KnownKind kind) {
  return kind == KnownKind::kLibrarySpan ? g_library_spans_wanted : g_rows_wanted;
}

bool ends_with(tracer::Text text, tracer::Text end) {
  return text.bytes >= end.bytes &&
         memcmp(text.data + text.bytes - end.bytes, end.data, end.bytes) == 0;
}

// A module of CPython's that lies frozen in it has "<frozen os>" for a file.
bool is_file(tracer::Text file, tracer::Text known) {
  constexpr char kFrozen[] = "<frozen ";
  constexpr size_t kFrozenBytes = sizeof(kFrozen) - 1;
  constexpr size_t kEndBytes = sizeof(".py") - 1;
  if (ends_with(file, known)) {
    return file.bytes == known.bytes || file.data[file.bytes - known.bytes - 1] == '/';
  }
  return file.bytes == kFrozenBytes + known.bytes - kEndBytes + 1 &&
         memcmp(file.data, kFrozen, kFrozenBytes) == 0 &&
         memcmp(file.data + kFrozenBytes, known.data, known.bytes - kEndBytes) == 0;
}

bool is_name(tracer::Text name, tracer::Text known) {
  if (code_has_qualname(g_python.minor)) {
    return name.bytes == known.bytes && ends_with(name, known);
  }
  const auto* const dot = static_cast<const char*>(memrchr(known.data, '.', known.bytes));
  const size_t class_bytes = dot == nullptr ? 0 : static_cast<size_t>(dot + 1 - known.data);
  const tracer::Text bare = {known.data + class_bytes, known.bytes - class_bytes};
  return name.bytes == bare.bytes && ends_with(name, bare);
}

bool has_parameters(PyObject* code, const KnownFunction& known) {
  const PyRef names = tuple_of(code, "co_varnames");
  const PySize count = names ? g_python.PyTuple_Size(names.get()) : 0;
  for (unsigned i = 0; i < kKnownParameters && known.parameters[i] != nullptr; ++i) {
    if (static_cast<PySize>(i) >= count ||
        !Utf8(g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(i)))
             .equals(known.parameters[i])) {
      return false;
    }
  }
  return true;
}

// Takes what was kept of such a call. False: nothing was.
bool take_begin(ThreadPart* part, const PyObject* argument, uint8_t row, OpenKnownCall* taken) {
  for (uint32_t i = part->known_count; i-- != 0;) {
    const OpenKnownCall open = part->known[i];
    if (open.argument == argument && open.row == row) {
      --part->known_count;
      memmove(
          &part->known[i], &part->known[i + 1], (part->known_count - i) * sizeof(part->known[0]));
      *taken = open;
      return true;
    }
  }
  return false;
}

// Where there is no room the outermost one goes.
void keep_begin(ThreadPart* part, const OpenKnownCall& open) {
  if (part->known_count == kMostOpenKnown) {
    --part->known_count;
    memmove(&part->known[0], &part->known[1], part->known_count * sizeof(part->known[0]));
  }
  part->known[part->known_count++] = open;
}

}  // namespace

void start_known_functions() {
  g_library_spans_wanted = !session_option(kOptionNoLibrarySpans);
  g_rows_wanted = !session_option(kOptionNoRows);
  start_wall_times();
}

bool tells_of_ends(uint8_t row) { return kKnownFunctions[row - 1].ends != nullptr; }

uint8_t find_known_function(PyObject* code, tracer::Text name, tracer::Text file) {
  for (size_t i = 0; i < sizeof(kKnownFunctions) / sizeof(kKnownFunctions[0]); ++i) {
    const KnownFunction& known = kKnownFunctions[i];
    if (is_wanted(known.kind) && is_name(name, text_of(known.name)) &&
        is_file(file, text_of(known.file)) && has_parameters(code, known)) {
      return static_cast<uint8_t>(i + 1);
    }
  }
  return 0;
}

void known_call_begins(tracer::ThreadState* thread,
                       PyObject* code,
                       uint8_t row,
                       const void* frame) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const KnownFunction& known = kKnownFunctions[row - 1];
  const PyRef first = argument_of_running(code, frame, 0);
  const bool has_second = known.parameters[1] != nullptr;
  const PyRef second = first && has_second ? argument_of_running(code, frame, 1) : PyRef();
  if (first && thread->muted == 0) {
    OpenKnownCall open = {};
    (void)take_begin(part_of(thread), first.get(), row, &open);  // its end was not seen
    open = {first.get(), tracer::read_ticks(tracer::g_engine.clock), row, 0, false, false, 0};
    if (known.begins(
            {thread, known.kind, known.detail, first.get(), second.get(), &open, code, frame}) &&
        known.ends != nullptr) {
      keep_begin(part_of(thread), open);
    }
  }
  g_python.PyErr_Clear();
}

void known_call_ends(tracer::ThreadState* thread, PyObject* code, uint8_t row, const void* frame) {
  if (part_of(thread)->known_count == 0) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  if (const PyRef first = argument_of_running(code, frame, 0)) {
    known_call_has_ended(thread, row, first.get());
  }
  g_python.PyErr_Clear();
}

void known_call_has_ended(tracer::ThreadState* thread, uint8_t row, PyObject* first) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const KnownFunction& known = kKnownFunctions[row - 1];
  OpenKnownCall open = {};
  if (!take_begin(part_of(thread), first, row, &open)) {
    return;
  }
  const KnownCall call = {
      thread, known.kind, known.detail, first, nullptr, &open, nullptr, nullptr};
  if (open.is_told) {
    // What is in the record ends there, though the thread may be muted by now.
    const tracer::MuteLifted lifted(thread);
    known.ends(call);
  } else if (thread->muted == 0) {
    known.ends(call);
  }
  g_python.PyErr_Clear();
}

PyRef argument_of(const KnownCall& call, unsigned index) {
  return argument_of_running(call.code, call.frame, index);
}

OpenKnownCall* innermost_known(tracer::ThreadState* thread, KnownKind kind) {
  ThreadPart* const part = part_of(thread);
  for (uint32_t i = part->known_count; i-- != 0;) {
    if (kKnownFunctions[part->known[i].row - 1].kind == kind) {
      return &part->known[i];
    }
  }
  return nullptr;
}

}  // namespace vtn::runtime
