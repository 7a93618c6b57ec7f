// SPDX-License-Identifier: Apache-2.0
//
// What is recorded of a thread that is muted. The engine is one per process: see writer_test.cc.
#include "tracer/mute.h"

#include <tuple>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/tracer/session_fixture.h"
#include "tracer/thread_writer.h"

namespace vtn {
namespace {

using test::in_traced_process;
using test::SessionFixture;

constexpr uint32_t kF = kFirstNameId;  // ids with room between them
constexpr uint32_t kG = kFirstNameId + 10;
constexpr uint32_t kH = kFirstNameId + 20;
constexpr auto kEnter = EventKind::kEnter;
constexpr auto kLeave = EventKind::kLeave;

void event(EventKind kind, uint32_t id) {
  tracer::record_at(tracer::current_thread(), tracer::read_ticks(tracer::g_engine.clock), kind, id);
}

using Told = std::vector<std::tuple<EventKind, uint32_t, uint64_t>>;

template <class Program>
Told told_by(Program&& program) {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, program);
  Told told;
  for (const auto& [thread, events] : session.read_events()) {
    for (const test::ReadEvent& one : events) {
      told.emplace_back(one.kind, one.kind == EventKind::kOpcode ? 0 : one.id, one.ticks);
    }
  }
  return told;
}

void at(uint64_t ticks) { tracer::g_fake_ticks = ticks; }

}  // namespace

TEST_CASE("mute: a call that began before ends when it does", "[mute]") {
  CHECK(told_by([] {
          tracer::ThreadState* const thread = tracer::current_thread();
          at(100);
          event(kEnter, kF);
          event(kEnter, kG);
          tracer::mute(thread);
          tracer::mute(thread);
          at(200);
          event(kEnter, kH);
          event(kEnter, kG);  // not the one from before
          event(kLeave, kG);
          event(EventKind::kUnwind, kH);
          at(300);
          event(kLeave, kG);
          (void)tracer::unmute(thread);
          event(kEnter, kH);
          event(kLeave, kH);
          at(400);
          event(EventKind::kUnwind, kF);
          (void)tracer::unmute(thread);
          at(500);
          event(kEnter, kH);
        }) == Told{{kEnter, kF, 100},
                   {kEnter, kG, 100},
                   {kLeave, kG, 300},
                   {EventKind::kUnwind, kF, 400},
                   {kEnter, kH, 500}});
}

TEST_CASE("mute: a call that began meanwhile begins when recording comes back", "[mute]") {
  CHECK(told_by([] {
          tracer::ThreadState* const thread = tracer::current_thread();
          at(100);
          event(kEnter, kF);
          tracer::mute(thread);
          event(kEnter, kF);      // a recursion: its end must not be taken for the first one's
          event(kEnter, kG + 1);  // a generator that goes on
          event(kEnter, kH);
          event(kLeave, kH);
          at(300);
          (void)tracer::unmute(thread);
          at(400);
          event(kLeave, kG);
          event(kLeave, kF);
          event(kLeave, kF);
        }) == Told{{kEnter, kF, 100},
                   {kEnter, kF, 300},
                   {kEnter, kG + 1, 300},
                   {kLeave, kG, 400},
                   {kLeave, kF, 400},
                   {kLeave, kF, 400}});
}

TEST_CASE("mute: an end names the first of a generator's ids, or any Python call", "[mute]") {
  CHECK(told_by([] {
          tracer::ThreadState* const thread = tracer::current_thread();
          at(100);
          event(kEnter, kF);
          tracer::mute(thread);
          event(kEnter, kG + 1);
          event(EventKind::kUnwind, kG);
          event(kEnter, kH);
          event(kLeave, kIdAnyPython);
          at(300);
          event(kLeave, kIdAnyPython);
          (void)tracer::unmute(thread);
        }) == Told{{kEnter, kF, 100}, {kLeave, kIdAnyPython, 300}});
}

TEST_CASE("mute: more open calls than are remembered are not guessed at", "[mute]") {
  CHECK(told_by([] {
          tracer::ThreadState* const thread = tracer::current_thread();
          at(100);
          event(kEnter, kF);
          tracer::mute(thread);
          for (uint32_t i = 0; i < tracer::kMutedCalls + 5; ++i) {
            event(kEnter, kF);
          }
          for (uint32_t i = 0; i < tracer::kMutedCalls + 5; ++i) {
            event(kLeave, kF);
          }
          if (!tracer::unmute(thread)) {
            event(kEnter, kH);  // all had ended: this must not be
          }
          tracer::mute(thread);
          for (uint32_t i = 0; i < tracer::kMutedCalls + 1; ++i) {
            event(kEnter, kF);
          }
          at(300);
          if (tracer::unmute(thread)) {
            event(kEnter, kG);
          }
        }) == Told{{kEnter, kF, 100}});
}

TEST_CASE("mute: after a gap nothing is open that could end", "[mute]") {
  CHECK(told_by([] {
          tracer::ThreadState* const thread = tracer::current_thread();
          at(100);
          event(kEnter, kF);
          tracer::mute(thread);
          event(kEnter, kG);
          at(200);
          tracer::record_gap(thread, GapReason::kPaused);
          event(kLeave, kG);
          event(kLeave, kF);
          event(kEnter, kH);
          at(300);
          (void)tracer::unmute(thread);
          event(kEnter, kG);
        }) == Told{{kEnter, kF, 100}, {EventKind::kOpcode, 0, 200}, {kEnter, kG, 300}});
}

}  // namespace vtn
