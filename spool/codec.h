// SPDX-License-Identifier: Apache-2.0
//
// Frames of events to bytes and back (spool/format.h). Both ends keep their buffers: thread-bound.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "spool/columns.h"
#include "spool/format.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace vtn::spool {

class FrameEncoder {
 public:
  FrameEncoder();
  ~FrameEncoder();
  FrameEncoder(const FrameEncoder&) = delete;
  FrameEncoder& operator=(const FrameEncoder&) = delete;

  // The whole frame, FrameHead included; valid until the next call. Fills the sizes in the head.
  std::string_view encode(FrameColumns& columns, bool compress);

 private:
  // Appends a section to out_; returns the bytes stored.
  uint32_t store(const void* bytes, size_t size, bool compress);

  ZSTD_CCtx_s* zstd_;
  std::vector<char> side_;
  std::vector<char> plane_;
  std::vector<char> notes_;
  std::vector<char> out_;
  size_t used_ = 0;
};

// Room behind what is decoded, so that loops may read a little too far.
inline constexpr size_t kDecodeSlack = 32;

struct DecodedFrame {
  EventsFrame head = {};
  std::vector<uint32_t> functions;
  std::vector<OpenCall> closed;     // innermost first
  std::vector<OpenCall> left_open;  // innermost first; start stamps included
  std::vector<Special> specials;
  std::vector<uint64_t> wide;
  std::vector<Note> notes;           // in their order; their bytes are note_bytes'
  std::vector<unsigned char> codes;  // low bytes, then (kEventsWideCodes) high bytes
  std::vector<unsigned char> low;
  std::vector<unsigned char> high;
  std::vector<unsigned char> note_bytes;

  // Whether anything is known of callers or told by notes: else replay needs to look for neither.
  bool has_notes() const { return (head.flags & (kEventsNotes | kEventsOpenLines)) != 0; }
};

class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  // `body` is what follows the FrameHead, from a file that nobody vouches for. All lengths that
  // replay_frame() relies on are checked here; the codes are checked there.
  Status decode(std::string_view body, DecodedFrame& to);
  // The lists only: codes, steps and notes are left empty.
  Status decode_side(std::string_view body, DecodedFrame& to);

 private:
  Status side(std::string_view& body, DecodedFrame& to);
  Status notes(std::string_view& body, DecodedFrame& to);
  Status load(std::string_view& body, uint32_t stored, size_t size, std::vector<unsigned char>& to);

  ZSTD_DCtx_s* zstd_;
  std::vector<unsigned char> side_;
};

}  // namespace vtn::spool
