// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/caller_lines.h"

#include <cerrno>
#include <set>

#include "runtime/entry/process.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "tests/support/catch.h"
#include "tests/unit/tracer/session_fixture.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

int g_line;  // where the interpreter says that its one frame is

}  // namespace

// Of files that take an interpreter.
KeepErrno::KeepErrno() : saved_(errno) {}
KeepErrno::~KeepErrno() { errno = saved_; }
void* find_python_symbol(const char*) { return nullptr; }

namespace {

using test::SessionFixture;

void call_from(int line, uint32_t id) {
  g_line = line;
  tracer::ThreadState* thread = tracer::current_thread();
  note_caller_line(thread, id, nullptr, Callee::kToCome);
  tracer::record_enter(thread, id);
}

void with_lines(const SessionFixture& session, void (*body)()) {
  test::in_traced_process(session, [body] {
    g_python.PyEval_GetFrame = [] { return reinterpret_cast<PyFrame*>(&g_line); };
    g_python.PyFrame_GetLineNumber = [](PyFrame*) { return g_line; };
    g_python.PyErr_Fetch = [](PyObject**, PyObject**, PyObject**) {};
    g_python.PyErr_Restore = [](PyObject*, PyObject*, PyObject*) {};
    start_frames();
    start_caller_lines(true);
    body();
  });
}

struct Counts {
  size_t calls = 0;
  size_t notes = 0;
  std::set<uint32_t> chunks = {};
};

Counts count(const SessionFixture& session) {
  Counts counts;
  for (const auto& [thread, events] : session.read_events()) {
    for (const test::ReadEvent& event : events) {
      const bool is_note = event.kind == EventKind::kOpcode && event.opcode == Opcode::kNote;
      (is_note ? counts.notes : counts.calls) += 1;
      counts.chunks.insert(event.chunk);
    }
  }
  return counts;
}

TEST_CASE("caller lines: one note for all calls from a line, in each chunk", "[runtime]") {
  const SessionFixture session(uint64_t{4} << 20);
  with_lines(session, [] {
    for (int i = 0; i < 50'000; ++i) {
      call_from(7, kFirstNameId);
    }
  });
  const Counts counts = count(session);
  CHECK(counts.calls == 50'000);
  CHECK(counts.chunks.size() > 2);
  CHECK(counts.notes == counts.chunks.size());
}

TEST_CASE("caller lines: each function has a last line of its own", "[runtime]") {
  const SessionFixture session(uint64_t{4} << 20);
  with_lines(session, [] {
    for (int i = 0; i < 100; ++i) {
      call_from(7, kFirstNameId);
      call_from(8, kFirstNameId + 1);
    }
  });
  CHECK(count(session).notes == 2);
}

TEST_CASE("caller lines: a note for every change of the line", "[runtime]") {
  const SessionFixture session(uint64_t{4} << 20);
  with_lines(session, [] {
    for (int i = 0; i < 100; ++i) {
      call_from(i / 10, kFirstNameId);
    }
  });
  CHECK(count(session).notes == 10);
}

}  // namespace
}  // namespace vtn::runtime
