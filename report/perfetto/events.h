// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Calls as Perfetto track events. Every piece begins its packet sequences afresh (state
// cleared, names interned again), so pieces need nothing from one another but the clock:
//
//   a thread with a clock     stamps are differences, from event to event and from piece to piece.
//                             All such threads write to one sequence, on which each has an
//                             incremental clock of its own, set once, before any event: a sequence
//                             has 64 of these, and one snapshot sets them all. The UI draws a line
//                             for snapshots, and one that sets a clock again further on would carry
//                             the trace clock backwards, which Perfetto refuses
//   any other, of few calls   stamps are absolute: four times the bytes of the stamps in a gzip.
//   or of several tracks      A sequence for each kTrackDepth calls of depth
//
// The threads of a process that have one id and come one after the other, as those of an exec
// chain, are on the same tracks.
#pragma once

#include <string>
#include <vector>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/open_spans.h"
#include "report/perfetto/categories.h"
#include "report/perfetto/fields.h"
#include "report/perfetto/layout.h"
#include "report/pieces.h"
#include "report/proto.h"

namespace vtn::report {

class PerfettoPieceMaker final : public PieceMaker {
 public:
  PerfettoPieceMaker(const PerfettoLayout& layout, OpenSpans& spans)
      : layout_(layout), spans_(spans) {}
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
    char bytes[24];
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
  void start_track(const PerfettoTrack& track,
                   const spool::ImageInfo& image,
                   const spool::DecodedFrame& frame,
                   Track& state);
  // Sets what the event needs beside it in the packet, too.
  ProtoMessage mark_event(const spool::Note& note,
                          const spool::ImageInfo& image,
                          ProtoMessage& packet);
  std::string name_of_function(uint32_t image, uint32_t id) const;

  const PerfettoLayout& layout_;
  OpenSpans& spans_;
  uint32_t thread_ = 0;  // of the frame at hand
  std::vector<Track> tracks_;
  std::string interned_;  // of the frame: the same for all its tracks
  Categories categories_;
  CallerLines lines_;
  CallValues values_;
};

// One packet with the sequence's id and what `packet` holds.
void append_packet(std::string& to, uint32_t sequence, const ProtoMessage& packet);
// On the meta sequence, whose first packet has set its clock, at that time.
void append_meta(std::string& to, uint64_t ns, uint32_t field, const ProtoMessage& message);
// func_args: a dictionary of values, by name. Readers join those of a slice's begin and its end.
ProtoMessage arguments_annotation(const ValueTexts& texts);

}  // namespace vtn::report
