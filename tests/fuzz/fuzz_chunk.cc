// SPDX-License-Identifier: Apache-2.0
//
// A chunk of event words as a scribbling program may leave it. Whatever it holds, what comes out is
// a frame that decodes and replays, with stamps that increase.
#include <stdlib.h>
#include <string.h>

#include "collector/call_assembly.h"
#include "collector/call_filter.h"
#include "spool/codec.h"
#include "spool/replay.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace vtn;

void must(bool held) {
  if (!held) {
    abort();
  }
}

struct CheckingSink {
  uint64_t last_ns = 0;
  uint64_t begun = 0;
  uint64_t ended = 0;
  void step(uint64_t ns) {
    must(ns > last_ns);
    last_ns = ns;
  }
  void begin(uint32_t, uint64_t ns) {
    step(ns);
    ++begun;
  }
  void end(uint64_t ns, uint32_t) {
    step(ns);
    ++ended;
  }
  void special(const spool::Special&, uint64_t ns) {
    step(ns);
    ++begun;
  }
  void note(const spool::Note& note, uint64_t ns) {
    must(ns >= last_ns && note.kind <= kMaxNoteKind && note.bytes.size() <= kMaxNoteBytes);
    ++notes;
    for (const char byte : note.bytes) {
      sum += static_cast<unsigned char>(byte);
    }
  }
  size_t notes = 0;
  uint64_t sum = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static collector::FunctionCodes codes;
  static spool::FrameEncoder encoder;
  static spool::FrameDecoder decoder;
  std::vector<uint64_t> words(size / 8);
  if (!words.empty()) {
    memcpy(words.data(), data, words.size() * 8);
  }
  collector::FunctionTraits traits;
  traits.set(17, FunctionKind::kC, 0);
  traits.set(19, FunctionKind::kPython, kFunctionExcludesSubtree);
  // With limits in front of it, or without.
  session::CallLimits limits;
  limits.min_duration_ns = size % 3 == 0 ? 0 : words.empty() ? 1 : words.back() % 1000;
  limits.max_stack_depth = size % 5 == 0 ? 2 : UINT32_MAX;
  limits.excludes_subtrees = size % 2 == 0;
  collector::CallFilter filter(limits, limits.min_duration_ns);
  collector::CallAssembler assembler(spool::tick_step_of(ClockKind::kMonotonic));
  spool::FrameColumns columns;
  spool::DecodedFrame decoded;
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  CheckingSink sink;
  // Twice: the second chunk meets the calls that the first left open.
  for (int round = 0; round < 2; ++round) {
    collector::CallAssembler::Chunk chunk = {
        words, words.empty() ? 0 : words[0] % 100'000, 1u << 30};
    if (limits.filter()) {
      chunk = filter.filter(chunk, traits);
    }
    if (!assembler.assemble(chunk, traits, codes, columns)) {
      continue;
    }
    const std::string_view frame = encoder.encode(columns, round == 0);
    must(decoder.decode(frame.substr(sizeof(spool::FrameHead)), decoded).has_value());
    must(spool::replay_frame(decoded, clock, sink).has_value());
    must(sink.notes == decoded.notes.size() && decoded.notes.size() == columns.notes.size());
    sink.notes = 0;
    must(decoded.left_open.size() + decoded.head.lowest_open == assembler.open().size());
    must(sink.begun - sink.ended == assembler.open().size());
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  const std::vector<uint64_t> words = {
      event_word(0, EventKind::kEnter, 16),
      event_word(5, EventKind::kEnter, 17),
      event_word(9, EventKind::kLeave, 17),
      event_word(9, EventKind::kUnwind, kIdAnyPython),
      opcode_word(10, Opcode::kResync, 1),
      500'000,
      event_word(1, EventKind::kEnter, 18),
      opcode_word(2, Opcode::kGap, 2),
      77,
      static_cast<uint64_t>(GapReason::kStackGuard),
      event_word(3, EventKind::kEnter, kIdTooManyNames),
      note_word(3, NoteKind::kThreadName, 2),
      note_key(3, 6),
      0x6465'6d61'6e,
      note_word(3, NoteKind::kCallerLine, 1),
      note_key(77, 0),
      event_word(4, EventKind::kEnter, 16),
      opcode_word(4, Opcode::kThreadEnd, 0),
  };
  return {std::string(reinterpret_cast<const char*>(words.data()), words.size() * 8), ""};
}
