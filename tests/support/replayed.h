// SPDX-License-Identifier: Apache-2.0
//
// What a writer is told of a spool, as text.
#pragma once

#include <string>

#include "spool/replay.h"
#include "tests/support/recording.h"

namespace vtn::test {

// What a writer is told, as text: "+16@10 -16@20".
struct TextSink {
  explicit TextSink(const spool::DecodedFrame& of) : frame(of) {}
  const spool::DecodedFrame& frame;
  std::string text;
  void begin(uint32_t function, uint64_t ns) {
    text += " +" + std::to_string(frame.functions[function]) + "@" + std::to_string(ns);
  }
  void end(uint64_t ns, uint32_t how) {
    static constexpr const char* kHow[] = {"-", "^", "!"};
    text += std::string(" ") + kHow[how] + "@" + std::to_string(ns);
  }
  void special(const spool::Special& special, uint64_t ns) {
    text += " gap" + std::to_string(special.lost_events) + "@" + std::to_string(ns);
  }
};

// Who asks for notes is told of them at their op.
struct NoteSink : TextSink {
  using TextSink::TextSink;
  void note(const spool::Note& note, uint64_t ns) {
    text += " [" + std::to_string(note.kind) + " " + std::to_string(note.key) + " " +
            std::string(note.bytes) + "]@" + std::to_string(ns);
  }
};

// Calls `use` with each frame of events, decoded.
template <class Use>
void each_frame(const spool::Reader& spool, Use&& use) {
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  for (const spool::FrameInfo& info : spool.model().frames) {
    auto body = spool.read_body(info, buffer);
    REQUIRE(body.has_value());
    REQUIRE(decoder.decode(*body, frame).has_value());
    use(frame);
  }
}

template <class Sink = TextSink>
std::string replay(const spool::Reader& spool) {
  std::string all;
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  each_frame(spool, [&](const spool::DecodedFrame& frame) {
    Sink sink{frame};
    REQUIRE(spool::replay_frame(frame, clock, sink).has_value());
    all += sink.text;
  });
  return all.empty() ? all : all.substr(1);
}

}  // namespace vtn::test
