// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Walks the ops of a decoded frame and hands them to a writer, stamps in nanoseconds.
//
// A Sink has
//   void begin(uint32_t function, uint64_t ns)   the n-th function of the frame is called
//   void end(uint64_t ns, uint32_t how)          the innermost open call ends: kOpReturn, ...
//   void special(const Special&, uint64_t ns)    begins something that ends like a call
// and, if it wants the notes of frames that have some, or stamps as they are,
//   void note(const Note&, uint64_t ns)          before the op that it precedes, at its time;
//                                                behind all ops: at the last one's
//   void at(uint64_t ticks)                      before anything else of an op: its stamp
// and may rely on: what ends has begun or was open before the frame (closed[]), in that order;
// no more calls are open at a time than head.deepest.
#pragma once

#include "base/result.h"
#include "spool/clock_map.h"
#include "spool/codec.h"

namespace vtn::spool {

template <class Sink>
concept TakesNotes = requires(Sink& sink, const Note& note) {
  sink.note(note, uint64_t{});
};

template <class Sink>
concept TakesTicks = requires(Sink& sink) {
  sink.at(uint64_t{});
};

template <bool kWideCodes, class Sink>
Status replay_ops(const DecodedFrame& frame, const ClockMap& clock, Sink& sink) {
  const unsigned char* codes = frame.codes.data();
  const unsigned char* low = frame.low.data();
  const unsigned char* high = frame.high.data();
  const uint32_t ops = frame.head.ops;
  const uint32_t functions = frame.head.functions;
  // Counted from lowest_open, below which nothing is known: what ends must be above.
  uint32_t open = frame.head.open_before - frame.head.lowest_open;
  const uint32_t deepest = frame.head.deepest - frame.head.lowest_open;
  ClockMap::Cursor to_ns(clock);
  uint64_t ticks = frame.head.start_ticks;
  size_t wide = 0;
  size_t special = 0;
  [[maybe_unused]] size_t note = 0;
  uint32_t calls = 0;
  for (uint32_t i = 0; i < ops; ++i) {
    uint64_t step = low[i] | (static_cast<uint32_t>(high[i]) << 8);
    if (__builtin_expect(step == kWideStep, 0)) {
      if (wide == frame.wide.size()) {
        return fail("a frame has too few wide steps");
      }
      step = frame.wide[wide++];
    }
    ticks += step;
    const uint64_t ns = to_ns(ticks);
    if constexpr (TakesTicks<Sink>) {
      sink.at(ticks);
    }
    if constexpr (TakesNotes<Sink>) {
      while (note < frame.notes.size() && frame.notes[note].op == i) {
        sink.note(frame.notes[note++], ns);
      }
    }
    uint32_t code = codes[i];
    if constexpr (kWideCodes) {
      code |= static_cast<uint32_t>(codes[ops + i]) << 8;
    }
    if (code >= kOpFirstCall) {
      code -= kOpFirstCall;
      if (__builtin_expect((code >= functions) | (open >= deepest), 0)) {
        return fail("a frame calls a function that it does not list, or too deep");
      }
      ++open;
      ++calls;
      sink.begin(code, ns);
    } else if (__builtin_expect(code != kOpSpecial, 1)) {
      if (__builtin_expect(open == 0, 0)) {
        return fail("a frame ends more calls than were open");
      }
      --open;
      sink.end(ns, code);
    } else {
      if (special == frame.specials.size() || open >= deepest) {
        return fail("a frame has too few specials, or one too deep");
      }
      ++open;
      sink.special(frame.specials[special++], ns);
    }
  }
  if constexpr (TakesNotes<Sink>) {
    for (const uint64_t ns = to_ns(ticks); note < frame.notes.size(); ++note) {
      sink.note(frame.notes[note], ns);
    }
  }
  if (open != frame.head.open_after - frame.head.lowest_open || calls != frame.head.calls) {
    return fail("a frame does not end as its head says");
  }
  return {};
}

template <class Sink>
Status replay_frame(const DecodedFrame& frame, const ClockMap& clock, Sink& sink) {
  return (frame.head.flags & kEventsWideCodes) != 0 ? replay_ops<true>(frame, clock, sink)
                                                    : replay_ops<false>(frame, clock, sink);
}

}  // namespace vtn::spool
