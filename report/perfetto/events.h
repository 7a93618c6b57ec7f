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
#include <unordered_set>
#include <vector>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "report/perfetto/fields.h"
#include "report/perfetto/proto.h"
#include "report/picture.h"
#include "report/pieces.h"

namespace vtn::report {

struct PerfettoTrack {
  uint32_t sequence = 0;
  uint64_t uuid = 0;
};

// All that is known before the first event. Immutable.
struct PerfettoLayout {
  PerfettoLayout(const spool::Model& model, const spool::ClockMap& clock, bool python_only);

  uint64_t process_uuid(uint32_t process) const;   // what its tracks lie in
  uint64_t programs_uuid(uint32_t process) const;  // the track of its traced programs
  uint64_t starts_uuid(uint32_t process) const;    // for arrows that have no place on a thread
  uint64_t loss_uuid(uint32_t image) const;
  uint64_t counter_uuid(uint32_t image, uint32_t id) const;  // of a mark's name
  bool incremental(uint32_t thread) const;                   // its stamps are differences

  const spool::Model& model;
  const spool::ClockMap& clock;
  const Picture picture;
  uint64_t start_ns;                               // no event is earlier
  std::vector<std::vector<PerfettoTrack>> tracks;  // by thread, then depth / kTrackDepth
  std::vector<uint64_t> main_lines;                // by process: uuids of its main thread
  std::vector<uint64_t> arrow_ends;  // by thread: the flow that its first call ends; 0: none
  std::vector<bool> leads_to_call;   // by process: its arrow does
  std::vector<std::vector<const std::string*>> names;  // by image, then function

 private:
  void choose_tracks();
  void end_arrows();

  std::unordered_set<std::string> texts_;  // one for a name, however many images have it
};

class PerfettoPieceMaker final : public PieceMaker {
 public:
  explicit PerfettoPieceMaker(const PerfettoLayout& layout) : layout_(layout) {}
  Status encode(const spool::FrameInfo& info,
                const spool::DecodedFrame& frame,
                ByteBuffer& to) override;

 private:
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
