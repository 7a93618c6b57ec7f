// SPDX-License-Identifier: Apache-2.0
//
// The debugger's oracle: a thread's ops all in memory, with what notes told of them, and answers
// that are found by walking them from one end to the other. And recordings to ask about.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "abi/value_abi.h"
#include "debugger/recording.h"
#include "report/call_values.h"
#include "report/marks.h"
#include "spool/replay.h"
#include "tests/support/recording.h"

namespace vtn::test {

struct NaiveOp {
  bool begin;
  bool gap;
  uint32_t id;  // of what begins or ends; 0: a gap
  uint64_t ns;
  uint32_t line;          // of the caller
  std::string arguments;  // "argument 1=3;"
  std::string value;      // that is returned
  uint64_t number;        // of the call; 0: a gap
};

struct NaiveMark {
  uint64_t before;  // the op that it precedes
  uint64_t ns;
  uint64_t name;
  std::string value;
  bool counter;
};

struct NaiveOpen {
  uint32_t id;
  uint64_t start_ns;
  uint32_t line;
  uint64_t number;
  int64_t begin;  // -1: before all ops
  std::string arguments;
};

struct NaiveThread {
  std::vector<NaiveOp> ops;
  std::vector<NaiveMark> marks;
  std::vector<NaiveOpen> at_first;

  NaiveThread(const debugger::Recording& recording, uint32_t thread) {
    const spool::ThreadInfo& info = recording.thread(thread);
    for (const spool::OpenCall& call : info.open_at_first) {
      at_first.push_back({call.id,
                          recording.clock().to_ns(call.start_ticks),
                          call.line,
                          at_first.size() + 1,
                          -1,
                          ""});
    }
    calls_ = at_first.size();
    for (const uint32_t frame : recording.frames_of(thread)) {
      std::string buffer;
      spool::FrameDecoder decoder;
      spool::DecodedFrame decoded;
      auto body = recording.spool().read_body(recording.model().frames[frame], buffer);
      REQUIRE(body.has_value());
      REQUIRE(decoder.decode(*body, decoded).has_value());
      Sink sink{*this, decoded, recording.clock(), {}, {}, {}, {}};
      REQUIRE(spool::replay_frame(decoded, recording.clock(), sink).has_value());
    }
  }

  // The calls that are open behind so many ops.
  std::vector<NaiveOpen> stack(uint64_t place) const {
    std::vector<NaiveOpen> open = at_first;
    for (uint64_t i = 0; i < place; ++i) {
      if (ops[i].begin) {
        open.push_back({ops[i].id,
                        ops[i].ns,
                        ops[i].line,
                        ops[i].number,
                        static_cast<int64_t>(i),
                        ops[i].arguments});
      } else {
        open.pop_back();
      }
    }
    return open;
  }
  uint64_t depth(uint64_t place) const { return depths()[place]; }
  const std::vector<uint64_t>& depths() const {
    if (depths_.empty()) {
      depths_.push_back(at_first.size());
      for (const NaiveOp& op : ops) {
        depths_.push_back(op.begin ? depths_.back() + 1 : depths_.back() - 1);
      }
    }
    return depths_;
  }
  // Behind the end of what is open at a level; ops.size(): it never ends.
  uint64_t behind_end(uint64_t place, uint64_t level) const {
    for (uint64_t at = place + 1; at <= ops.size(); ++at) {
      if (depths()[at] <= level) {
        return at;
      }
    }
    return ops.size();
  }
  uint64_t before_begin(uint64_t place, uint64_t level) const {
    for (uint64_t at = place; at-- > 0;) {
      if (depths()[at] <= level) {
        return at;
      }
    }
    return 0;
  }
  uint64_t next(uint64_t place) const {
    if (place == ops.size()) {
      return place;
    }
    return ops[place].begin ? behind_end(place + 1, depths()[place]) : place + 1;
  }
  uint64_t next_back(uint64_t place) const {
    if (place == 0) {
      return 0;
    }
    return ops[place - 1].begin ? place - 1 : before_begin(place - 1, depths()[place]);
  }
  uint64_t until(uint64_t place, uint32_t line) const {
    const uint64_t level = depths()[place];
    for (uint64_t at = place; at < ops.size(); ++at) {
      if (depths()[at + 1] < level) {
        return at + 1;
      }
      if (at != place && depths()[at] == level && ops[at].begin && !ops[at].gap &&
          ops[at].line > line) {
        return at;
      }
    }
    return ops.size();
  }
  uint64_t place_at(uint64_t ns) const {
    uint64_t place = 0;
    while (place < ops.size() && ops[place].ns <= ns) {
      ++place;
    }
    return place;
  }

 private:
  struct Sink {
    NaiveThread& to;
    const spool::DecodedFrame& frame;
    const spool::ClockMap& clock;
    std::map<uint32_t, uint32_t> lines;
    std::optional<uint32_t> line;
    std::string arguments;
    std::string value;

    void begin(uint32_t function, uint64_t ns) {
      if (line) {
        lines[function] = *line;
      }
      to.ops.push_back({true,
                        false,
                        frame.functions[function],
                        ns,
                        lines[function],
                        arguments,
                        "",
                        ++to.calls_});
      to.open_.push_back(to.ops.back());
      forget();
    }
    void special(const spool::Special& /*special*/, uint64_t ns) {
      to.ops.push_back({true, true, 0, ns, 0, "", "", 0});
      to.open_.push_back(to.ops.back());
      forget();
    }
    void end(uint64_t ns, uint32_t /*how*/) {
      NaiveOp op = {false, false, 0, ns, 0, "", value, 0};
      if (to.open_.empty()) {
        op.id = to.at_first[to.at_first.size() - 1 - to.ended_first_++].id;
      } else {
        op.id = to.open_.back().id;
        op.gap = to.open_.back().gap;
        to.open_.pop_back();
      }
      to.ops.push_back(op);
      forget();
    }
    void note(const spool::Note& note, uint64_t /*ns*/) {
      const auto kind = static_cast<NoteKind>(note.kind);
      if (kind == NoteKind::kCallerLine) {
        line = static_cast<uint32_t>(note.key);
      } else if (kind == NoteKind::kArguments) {
        for (const auto& [name, text] : report::argument_texts(note, nullptr)) {
          arguments += name + "=" + text + ";";
        }
      } else if (kind == NoteKind::kReturnValue) {
        value = report::value_text(note);
      } else if (report::is_mark(note)) {
        const bool counter = kind == NoteKind::kCounter;
        std::string text;
        if (counter) {
          text = report::json_number(report::counter_of(note, nullptr).number);
        } else {
          for (const auto& [name, told] : report::instant_of(note, nullptr).values) {
            text = told;
          }
        }
        to.marks.push_back({to.ops.size(), clock.to_ns(note.ticks), note.key, text, counter});
      }
    }
    void forget() {
      line.reset();
      arguments.clear();
      value.clear();
    }
  };

  uint64_t calls_ = 0;
  size_t ended_first_ = 0;
  std::vector<NaiveOp> open_;
  mutable std::vector<uint64_t> depths_;
};

template <class T>
std::string bytes_of(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}
inline std::string int_value(int64_t number) { return "i" + bytes_of(number); }
// The own value of a mark.
inline std::string own_value(int64_t number) { return bytes_of(uint16_t{0}) + int_value(number); }

// Two processes; threads that call at random, in many frames, with lines, values and marks, gaps,
// generators, and calls that never end.
class RandomRecording {
 public:
  explicit RandomRecording(uint32_t seed, size_t steps, uint64_t newest_calls = 0)
      : random_(seed), run_(16u << 20, ClockKind::kMonotonic, limits(newest_calls)) {
    for (uint32_t pid : {100u, 200u}) {
      processes_.push_back(std::make_unique<FakeProcess>(run_, pid, 1000));
      FakeProcess& process = *processes_.back();
      process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
      Names names;
      for (uint32_t i = 0; i < 12; ++i) {
        names.functions.push_back(
            process.python((i % 3 == 0 ? "Class.f" : "f") + std::to_string(i), "/tmp/x.py", i + 1));
      }
      names.functions.push_back(process.c("builtins.len"));
      names.functions.push_back(process.generator("generator"));
      names.rare = process.python("rare", "/tmp/y.py", 40);
      for (uint32_t i = 0; i < 3; ++i) {
        names.counters.push_back(
            process.function(FunctionKind::kCounter, "count" + std::to_string(i)));
        names.variables.push_back(
            process.function(FunctionKind::kInstant, "var" + std::to_string(i), "variable"));
      }
      names_.push_back(names);
    }
    threads_.push_back({processes_[0]->thread(100), 0, {}});
    threads_.push_back({processes_[0]->thread(101), 0, {}});
    threads_.push_back({processes_[1]->thread(200), 1, {}});
    for (size_t i = 0; i < steps; ++i) {
      step(threads_[random_() % threads_.size()]);
    }
    for (Thread& thread : threads_) {
      thread.writer.finish();
    }
  }

  std::unique_ptr<debugger::Recording> read() {
    auto recording = debugger::Recording::of(run_.read());
    REQUIRE(recording.has_value());
    return std::move(*recording);
  }

  std::mt19937& random() { return random_; }

 private:
  struct Names {
    std::vector<uint32_t> functions;
    std::vector<uint32_t> counters;
    std::vector<uint32_t> variables;
    uint32_t rare = 0;
  };
  struct Thread {
    FakeThread writer;
    size_t process;
    std::vector<uint32_t> open;
  };

  static session::CallLimits limits(uint64_t newest_calls) {
    session::CallLimits limits;
    limits.newest_calls = newest_calls;
    return limits;
  }

  void step(Thread& thread) {
    const Names& names = names_[thread.process];
    now_ += 2 + random_() % 40;
    const uint32_t what = random_() % 100;
    if (what < 3) {
      thread.writer.finish();
      if (what == 0) {  // a frame of its own, without an op
        mark(thread, names);
        thread.writer.finish();
      } else if (what == 1) {
        (void)run_.drain->pass();
      }
    } else if (what < 4 && random_() % 20 == 0) {
      thread.writer.finish();
      thread.writer.skip_sequence();  // what was open is closed by a gap
      thread.open.clear();
    } else if (what < 15) {
      mark(thread, names);
    } else if (thread.open.empty() || (what < 57 && thread.open.size() < 40)) {
      call(thread,
           random_() % 400 == 0 ? names.rare : names.functions[random_() % names.functions.size()]);
    } else {
      end(thread);
    }
  }

  void mark(Thread& thread, const Names& names) {
    const uint64_t which = random_() % 3;
    const auto value = static_cast<int64_t>(random_() % 1000);
    if (random_() % 2 == 0) {
      thread.writer.mark(now_ - 1, NoteKind::kCounter, names.counters[which], own_value(value));
    } else {
      thread.writer.mark(now_ - 1, NoteKind::kInstant, names.variables[which], own_value(value));
    }
  }

  void call(Thread& thread, uint32_t function) {
    if (random_() % 2 == 0) {
      thread.writer.note(now_, static_cast<uint32_t>(NoteKind::kCallerLine), 1 + random_() % 50);
    }
    if (random_() % 3 == 0) {
      thread.writer.note(now_,
                         static_cast<uint32_t>(NoteKind::kArguments),
                         1,
                         int_value(static_cast<int64_t>(random_() % 2000)));
    }
    thread.writer.enter(now_, function);
    thread.open.push_back(function);
  }

  void end(Thread& thread) {
    if (random_() % 3 == 0) {
      thread.writer.note(now_,
                         static_cast<uint32_t>(NoteKind::kReturnValue),
                         0,
                         int_value(static_cast<int64_t>(random_() % 2000)));
    }
    if (random_() % 10 == 0) {
      thread.writer.unwind(now_, thread.open.back());
    } else {
      thread.writer.leave(now_, thread.open.back());
    }
    thread.open.pop_back();
  }

  std::mt19937 random_;
  Recording run_;
  std::vector<std::unique_ptr<FakeProcess>> processes_;
  std::vector<Names> names_;
  std::vector<Thread> threads_;
  uint64_t now_ = 2000;
};

}  // namespace vtn::test
