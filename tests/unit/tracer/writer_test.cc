// SPDX-License-Identifier: Apache-2.0
//
// The engine is one per process, so each case runs in a forked child and reports by exit status.
#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

#include "tests/support/catch.h"
#include "tests/unit/tracer/session_fixture.h"
#include "tracer/names_writer.h"
#include "tracer/thread_writer.h"

namespace vtn {
namespace {

using test::in_traced_process;
using test::ReadEvent;
using test::SessionFixture;

void enter(uint32_t id) {
  tracer::record_at(
      tracer::current_thread(), tracer::read_ticks(tracer::g_engine.clock), EventKind::kEnter, id);
}

tracer::Text literal(const char* text) { return {text, std::char_traits<char>::length(text)}; }

TEST_CASE("writer: events come back as they were written, across chunks", "[writer]") {
  const SessionFixture session(uint64_t{4} << 20);
  constexpr uint32_t kEvents = 100'000;
  in_traced_process(session, [] {
    for (uint32_t i = 0; i < kEvents; ++i) {
      tracer::g_fake_ticks += 3;
      enter(kFirstNameId + i % 1000);
    }
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 1);
  const std::vector<ReadEvent>& thread = events.begin()->second;
  REQUIRE(thread.size() == kEvents);
  bool equal = true;
  for (uint32_t i = 0; i < kEvents; ++i) {
    equal = equal && thread[i].id == kFirstNameId + i % 1000 && thread[i].ticks == 4 + 3 * i &&
            thread[i].kind == EventKind::kEnter;
  }
  CHECK(equal);
}

TEST_CASE("writer: the clock may jump ten minutes, ten hours and back in mid-chunk", "[writer]") {
  constexpr uint64_t kSecond = 2'600'000'000;
  const SessionFixture session(uint64_t{4} << 20);
  static const std::vector<uint64_t> kTimes = {1000,
                                               1001,
                                               1001 + 600 * kSecond,
                                               1002 + 600 * kSecond,
                                               1002 + 36'000 * kSecond,
                                               500,  // backwards, before the chunk's base
                                               501,
                                               501 + 600 * kSecond,
                                               400 * kSecond,  // backwards, behind the base
                                               401 * kSecond};
  in_traced_process(session, [] {
    for (int round = 0; round < 200; ++round) {
      for (const uint64_t ticks : kTimes) {
        tracer::g_fake_ticks = ticks;
        enter(kFirstNameId);
      }
    }
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 1);
  const std::vector<ReadEvent>& thread = events.begin()->second;
  REQUIRE(thread.size() == 200 * kTimes.size());
  bool equal = true;
  for (size_t i = 0; i < thread.size(); ++i) {
    equal = equal && thread[i].ticks == kTimes[i % kTimes.size()];
  }
  CHECK(equal);
}

TEST_CASE("writer: a thousand idle threads fit an arena of 16 MiB beside a busy one", "[writer]") {
  const SessionFixture session(uint64_t{16} << 20);
  in_traced_process(session, [] {
    std::vector<std::thread> threads;
    std::atomic<int> ready{0};
    std::atomic<bool> go{false};
    for (int i = 0; i < 1000; ++i) {
      threads.emplace_back([&] {
        enter(kFirstNameId);
        ++ready;
        while (!go) {
          std::this_thread::yield();
        }
      });
    }
    while (ready != 1000) {
      std::this_thread::yield();
    }
    for (int i = 0; i < 500'000; ++i) {
      enter(kFirstNameId + 1);
    }
    go = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
  });
  const auto events = session.read_events();
  size_t idle = 0;
  size_t busy = 0;
  for (const auto& [key, thread] : events) {
    idle += thread.size() == 1 && thread[0].id == kFirstNameId ? 1 : 0;
    busy += thread.size() == 500'000 ? 1 : 0;
  }
  CHECK(idle == 1000);
  CHECK(busy == 1);
  CHECK(session.arena.processes[0].lost_events == 0);
}

TEST_CASE("writer: what finds no room is counted, and drawn when there is room again", "[writer]") {
  const SessionFixture session(tracer::kSmallestArenaBytes);
  session.arena.control->state = static_cast<uint32_t>(SessionState::kSpoolFull);
  in_traced_process(session, [&] {
    uint64_t written = 0;
    while (load_relaxed(&session.arena.processes[0].lost_events) == 0) {
      enter(kFirstNameId);
      ++written;
    }
    for (int i = 0; i < 99; ++i) {
      enter(kFirstNameId);
    }
    // Somebody drains one chunk.
    for (uint32_t i = 0; i < session.arena.geometry.chunk_count; ++i) {
      if (chunk_state(session.arena.headers[i].owner) == ChunkState::kFull &&
          session.arena.headers[i].kind == static_cast<uint32_t>(ChunkKind::kEvents)) {
        tracer::recycle_chunk(session.arena, i);
        break;
      }
    }
    enter(kFirstNameId + 7);
  });
  CHECK(session.arena.processes[0].lost_events == 100);
  const auto events = session.read_events();
  REQUIRE(events.size() == 1);
  const std::vector<ReadEvent>& thread = events.begin()->second;
  REQUIRE(thread.size() >= 2);
  const ReadEvent& gap = thread[thread.size() - 2];
  CHECK(gap.kind == EventKind::kOpcode);
  CHECK(gap.opcode == Opcode::kGap);
  CHECK(gap.payload == std::vector<uint64_t>{100, static_cast<uint64_t>(GapReason::kArenaFull)});
  CHECK(thread.back().id == kFirstNameId + 7);
}

TEST_CASE("writer: a forked child is a process of its own and owes its parent nothing",
          "[writer]") {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, [] {
    const uint32_t id = tracer::intern_function({FunctionKind::kC, literal("parent.only")});
    enter(id);
    enter(id);
    const pid_t child = fork();
    if (child == 0) {
      const uint32_t own = tracer::intern_function({FunctionKind::kC, literal("child.only")});
      enter(own);
      _exit(own == id ? 0 : 1);  // interned afresh: the first id again, of another process
    }
    int status = -1;
    (void)waitpid(child, &status, 0);
    enter(id);
    if (status != 0) {
      _exit(1);
    }
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 2);
  CHECK(events.at({0, 0}).size() == 3);
  CHECK(events.at({1, 0}).size() == 1);
  const auto names = session.read_names();
  CHECK(names.at({0, kFirstNameId}) == "parent.only");
  CHECK(names.at({1, kFirstNameId}) == "child.only");
  CHECK(names.size() == 2);
}

TEST_CASE("writer: fork while another thread interns never hangs the child", "[writer]") {
  const SessionFixture session(uint64_t{16} << 20);
  in_traced_process(session, [] {
    std::atomic<bool> stop{false};
    std::thread interner([&] {
      for (int i = 0; !stop; ++i) {
        // No events: nobody drains here, and the children need chunks.
        const std::string name = "function_" + std::to_string(i % 20000);
        (void)tracer::intern_function({FunctionKind::kC, {name.data(), name.size()}});
      }
    });
    for (int i = 0; i < 200; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        alarm(20);
        enter(tracer::intern_function({FunctionKind::kC, literal("in.child")}));
        _exit(0);
      }
      int status = -1;
      (void)waitpid(child, &status, 0);
      if (status != 0) {
        _exit(1);
      }
    }
    stop = true;
    interner.join();
  });
  uint32_t children = 0;
  for (const auto& [key, name] : session.read_names()) {
    children += name == "in.child" ? 1 : 0;
  }
  CHECK(children == 200);
}

TEST_CASE("writer: an ended thread gives its chunk back and its state to the next", "[writer]") {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, [] {
    std::vector<tracer::ThreadState*> states;
    for (int i = 0; i < 50; ++i) {
      std::thread([&] {
        enter(kFirstNameId);
        tracer::ThreadState* state = tracer::current_thread();
        states.push_back(state);
        test::t_word = nullptr;
        tracer::end_thread(state);
      }).join();
    }
    for (const tracer::ThreadState* state : states) {
      if (state != states[0]) {
        _exit(1);
      }
    }
  });
  const auto events = session.read_events();
  CHECK(events.size() == 50);
  for (const auto& [key, thread] : events) {
    REQUIRE(thread.size() == 2);
    CHECK(thread[1].opcode == Opcode::kThreadEnd);
  }
  CHECK(session.count_chunks(ChunkState::kOwned) == 1);  // the names
}

TEST_CASE("names: the same function has one id, another text, file or line another", "[names]") {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, [] {
    const auto id = [](const char* name, const char* file, uint32_t line) {
      return tracer::intern_function({FunctionKind::kPython, literal(name), literal(file), line});
    };
    const uint32_t first = id("f", "a.py", 1);
    if (id("f", "a.py", 1) != first || id("f", "a.py", 2) == first || id("f", "b.py", 1) == first ||
        id("g", "a.py", 1) == first ||
        tracer::intern_function({FunctionKind::kC, literal("f"), literal("a.py"), 1}) == first) {
      _exit(1);
    }
  });
  CHECK(session.read_names().size() == 5);
}

TEST_CASE("names: a hundred thousand names, some very long, arrive whole or cut", "[names]") {
  const SessionFixture session(uint64_t{64} << 20);
  constexpr uint32_t kNames = 100'000;
  in_traced_process(session, [] {
    for (uint32_t i = 0; i < kNames; ++i) {
      const std::string name = std::to_string(i) + (i % 1000 == 0 ? std::string(5000, 'x') : "");
      if (tracer::intern_function(
              {FunctionKind::kPython, {name.data(), name.size()}, literal("f.py"), i}) !=
          kFirstNameId + i) {
        _exit(1);
      }
    }
  });
  const auto names = session.read_names();
  REQUIRE(names.size() == kNames);
  CHECK(names.at({0, kFirstNameId + 5}) == "5f.py");
  CHECK(names.at({0, kFirstNameId}).size() == kMaxNameBytes + 4);
}

TEST_CASE("names: a long name is not cut inside a character", "[names]") {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, [] {
    std::string name(kMaxNameBytes - 1, 'x');
    name += "\xc3\xa9\xc3\xa9";
    (void)tracer::intern_function({FunctionKind::kC, {name.data(), name.size()}});
  });
  CHECK(session.read_names().at({0, kFirstNameId}) == std::string(kMaxNameBytes - 1, 'x'));
}

TEST_CASE("engine: what the embedder keeps of a thread is reached from any, and begins as zeroes",
          "[engine]") {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, [] {
    tracer::ThreadState* thread = tracer::current_thread();
    thread->of_embedder[tracer::kEmbedderBytes - 1] = 1;
    const auto count_marks = [](tracer::ThreadState* state, void* sum) {
      *static_cast<int*>(sum) += state->of_embedder[tracer::kEmbedderBytes - 1];
    };
    const auto marks = [&] {
      int sum = 0;
      tracer::visit_threads(count_marks, &sum);
      return sum;
    };
    std::thread([&] {
      tracer::ThreadState* other = tracer::current_thread();
      other->of_embedder[tracer::kEmbedderBytes - 1] = 2;
      if (marks() != 3) {
        _exit(1);
      }
      tracer::end_thread(other);
    }).join();
    std::thread([&] {  // has the state of the one that ended
      (void)tracer::current_thread();
      if (marks() != 1) {
        _exit(2);
      }
    })
        .join();
  });
}

std::string text_of_note(const ReadEvent& note) {
  const uint64_t bytes = note.payload.at(0) >> 32;
  REQUIRE(bytes <= (note.payload.size() - 1) * 8);
  return {reinterpret_cast<const char*>(note.payload.data() + 1), bytes};
}

TEST_CASE("writer: notes stand whole in the chunk of the event that follows", "[writer]") {
  const SessionFixture session(uint64_t{8} << 20);
  static constexpr uint32_t kRounds = 3000;
  in_traced_process(session, [] {
    std::string text;
    for (uint32_t i = 0; i < kRounds; ++i) {
      tracer::g_fake_ticks += 3;
      text.assign(i % 700, static_cast<char>('a' + i % 26));
      tracer::record_note(
          tracer::current_thread(), NoteKind::kThreadName, i, text.data(), text.size());
      enter(kFirstNameId + i);
    }
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 1);
  const std::vector<ReadEvent>& thread = events.begin()->second;
  REQUIRE(thread.size() == 2 * kRounds);
  bool equal = true;
  for (uint32_t i = 0; i < kRounds; ++i) {
    const ReadEvent& note = thread[2 * i];
    equal = equal && note.kind == EventKind::kOpcode && note.opcode == Opcode::kNote &&
            event_note_kind(note.id) == NoteKind::kThreadName &&
            static_cast<uint32_t>(note.payload.at(0)) == i &&
            text_of_note(note) == std::string(i % 700, static_cast<char>('a' + i % 26)) &&
            thread[2 * i + 1].id == kFirstNameId + i && note.chunk == thread[2 * i + 1].chunk;
  }
  CHECK(equal);
}

TEST_CASE("writer: a note is cut at what a payload holds", "[writer]") {
  const SessionFixture session(uint64_t{4} << 20);
  in_traced_process(session, [] {
    const std::string text(5000, 'x');
    tracer::record_note(
        tracer::current_thread(), NoteKind::kThreadName, 1, text.data(), text.size());
    const std::vector<uint64_t> words(400, 7);
    tracer::record_note(tracer::current_thread(), 5, NoteKind::kThreadName, words.data(), 400);
    tracer::record_note(tracer::current_thread(), 5, NoteKind::kThreadName, nullptr, 0);
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 1);
  const std::vector<ReadEvent>& thread = events.begin()->second;
  REQUIRE(thread.size() == 3);
  CHECK(text_of_note(thread[0]) == std::string(kMaxNoteBytes, 'x'));
  CHECK(thread[1].payload == std::vector<uint64_t>(kMaxPayloadWords, 7));
  CHECK(thread[2].payload.empty());
}

TEST_CASE("writer: notes do not put off the visits to a thread", "[writer]") {
  const SessionFixture session(uint64_t{8} << 20);
  static int visits = 0;
  in_traced_process(session, [] {
    // A visit notes something itself, each time.
    tracer::g_engine.hooks.look_after = [](tracer::ThreadState* thread, EventKind, uint32_t) {
      ++visits;
      tracer::record_note(thread, NoteKind::kThreadName, 0, "visit", 5);
      return false;
    };
    const std::string text(300, 'n');
    for (uint32_t i = 0; i < 20'000; ++i) {
      tracer::record_note(
          tracer::current_thread(), NoteKind::kThreadName, 0, text.data(), text.size());
      enter(kFirstNameId);
    }
    // One for each chunk, and none of them lost.
    const uint32_t chunks = tracer::current_thread()->sequence;
    if (chunks < 10 || visits < static_cast<int>(chunks) || visits > static_cast<int>(2 * chunks)) {
      _exit(8);
    }
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 1);
  const auto& thread = events.begin()->second;
  CHECK(std::count_if(thread.begin(), thread.end(), [](const ReadEvent& event) {
          return event.kind == EventKind::kEnter;
        }) == 20'000);
}

TEST_CASE("writer: visits that are asked for come at the next events", "[writer]") {
  const SessionFixture session(uint64_t{8} << 20);
  static int visits = 0;
  in_traced_process(session, [] {
    tracer::g_engine.hooks.look_after = [](tracer::ThreadState*, EventKind, uint32_t) {
      ++visits;
      return false;
    };
    const auto visits_of = [](uint32_t events) {
      visits = 0;
      for (uint32_t i = 0; i < events; ++i) {
        enter(kFirstNameId);
      }
      return visits;
    };
    if (visits_of(100) != 1) {  // with its first chunk
      _exit(2);
    }
    tracer::ask_for_visits(tracer::current_thread(), 0);
    if (visits_of(1) != 1 || visits_of(50) != 0) {
      _exit(3);
    }
    tracer::ask_for_visits(tracer::current_thread(), 2);
    if (visits_of(1) != 1 || visits_of(2) != 2 || visits_of(50) != 0) {
      _exit(4);
    }
    // At the very end of a chunk, and before the next.
    const auto* thread = tracer::current_thread();
    while (thread->cursor != thread->chunk_end) {
      enter(kFirstNameId);
    }
    tracer::ask_for_visits(tracer::current_thread(), 1);
    if (visits_of(2) != 2 || visits_of(50) != 0) {
      _exit(5);
    }
  });
  REQUIRE(session.read_events().size() == 1);
}

TEST_CASE("writer: a forked child's notes are its own", "[writer]") {
  const SessionFixture session(uint64_t{8} << 20);
  in_traced_process(session, [] {
    tracer::record_note(tracer::current_thread(), NoteKind::kThreadName, 0, "parent", 6);
    const pid_t child = fork();
    if (child == 0) {
      tracer::record_note(tracer::current_thread(), NoteKind::kThreadName, 0, "child", 5);
      _exit(0);
    }
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0) {
      _exit(8);
    }
  });
  const auto events = session.read_events();
  REQUIRE(events.size() == 2);
  CHECK(text_of_note(events.begin()->second.at(0)) == "parent");
  CHECK(text_of_note(events.rbegin()->second.at(0)) == "child");
}

}  // namespace
}  // namespace vtn
