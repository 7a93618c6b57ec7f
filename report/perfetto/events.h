// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Calls as Perfetto track events. One packet sequence per thread and per kTrackDepth
// calls of depth. Every piece begins its sequences afresh (state cleared, names interned again), so
// pieces need nothing from one another but the clock:
//
//   a thread of many calls    stamps are differences, from event to event and from piece to piece.
//                             The incremental clock is set once, before any event: snapshots of it
//                             further on would carry the trace clock backwards, which Perfetto
//                             refuses
//   a thread of few calls,    stamps are absolute: eight bytes more a call, but no snapshot of the
//   or of several tracks      clock, each of which the UI lists
//
// The threads of a process that have one id and come one after the other, as those of an exec
// chain, are on the same tracks.
#pragma once

#include <string>
#include <vector>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/perfetto/fields.h"
#include "report/perfetto/layout.h"
#include "report/pieces.h"
#include "report/proto.h"

namespace vtn::report {

class PerfettoPieceMaker final : public PieceMaker {
 public:
  explicit PerfettoPieceMaker(const PerfettoLayout& layout) : layout_(layout) {}
  Status encode(const spool::FrameInfo& info,
                const spool::DecodedFrame& frame,
                ByteBuffer& to) override;
  // The calls that are open before the first frame of a thread that has none with calls.
  Status encode_open(uint32_t thread, ByteBuffer& to);

 private:
  Status encode(const spool::FrameInfo& info,
                const spool::DecodedFrame& frame,
                const std::vector<spool::OpenCall>& before,
                ByteBuffer& to);

  // What follows the stamp in a packet: everything but the stamp is known beforehand.
  struct Tail {
    char bytes[16];
    uint32_t size;
  };
  struct Track {
    bool begun = false;
    uint32_t event_length_at = 0;  // within a tail: the length of the track event, its last part
    Tail end = {};
    std::vector<Tail> begin;  // by function of the frame
  };
  template <bool kAbsolute, bool kSlow>
  class Sink;
  void start_track(const PerfettoTrack& track, const spool::DecodedFrame& frame, Track& state);
  ProtoMessage mark_event(const spool::Note& note, const spool::ImageInfo& image) const;
  std::string name_of_function(uint32_t image, uint32_t id) const;

  const PerfettoLayout& layout_;
  std::vector<Track> tracks_;
  std::string interned_;  // of the frame: the same for all its tracks
  CallerLines lines_;
  CallValues values_;
};

// One packet with the sequence's id and what `packet` holds.
void append_packet(std::string& to, uint32_t sequence, const ProtoMessage& packet);
// On the meta sequence, at that time.
void append_meta(std::string& to, uint64_t ns, uint32_t field, const ProtoMessage& message);

}  // namespace vtn::report
