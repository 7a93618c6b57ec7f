// SPDX-License-Identifier: Apache-2.0
#include "spool/codec.h"

#include <algorithm>

#include <errno.h>
#include <string.h>
#include <zstd.h>

#include "abi/event_abi.h"
#include "spool/varint.h"

namespace vtn::spool {

namespace {

constexpr int kZstdLevel = 1;
constexpr size_t kMinCompressBytes = 64;  // below, zstd's own head costs more than it saves
constexpr size_t kMaxSideBytes = size_t{1} << 27;
constexpr size_t kMaxNotesBytes = size_t{1} << 27;

// Ticks of calls, innermost first: each began before the one before it.
char* put_open_calls(char* to,
                     const std::vector<OpenCall>& calls,
                     uint64_t from_ticks,
                     bool lines) {
  for (const OpenCall& call : calls) {
    to = put_varint(to, (static_cast<uint64_t>(call.id) << 1) | (call.traits & kOpenPython));
    to = put_varint(to, from_ticks - call.start_ticks);
    if (lines) {
      to = put_varint(to, call.line);
    }
    from_ticks = call.start_ticks;
  }
  return to;
}

bool get_open_calls(
    VarintReader& from, size_t count, uint64_t from_ticks, bool lines, std::vector<OpenCall>& to) {
  to.clear();
  if (count > from.left()) {
    return false;
  }
  to.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t id = from.next();
    const uint64_t back = from.next();
    const uint64_t line = lines ? from.next() : 0;
    if (back > from_ticks || (id >> 1) > UINT32_MAX || line > kMaxCallerLine) {
      return false;
    }
    from_ticks -= back;
    to.push_back(OpenCall{from_ticks,
                          static_cast<uint32_t>(id >> 1),
                          static_cast<uint8_t>(id & 1),
                          static_cast<uint32_t>(line) & kMaxCallerLine});
  }
  return !from.failed();
}

bool has_line(const std::vector<OpenCall>& calls) {
  return std::any_of(
      calls.begin(), calls.end(), [](const OpenCall& call) { return call.line != 0; });
}

void put_notes(const std::vector<Note>& notes, uint64_t start_ticks, std::vector<char>& to) {
  size_t room = 0;
  for (const Note& note : notes) {
    room += 5 * kMaxVarintBytes + note.bytes.size();
  }
  to.resize(room);
  char* at = to.data();
  uint32_t op = 0;
  for (const Note& note : notes) {
    at = put_varint(at, note.op - op);
    at = put_varint(at, note.kind);
    if (note.kind >= kFirstMark) {
      at = put_varint(at, zigzag(note.ticks - start_ticks));
    }
    at = put_varint(at, note.key);
    at = put_varint(at, note.bytes.size());
    at = std::copy(note.bytes.begin(), note.bytes.end(), at);
    op = note.op;
  }
  to.resize(static_cast<size_t>(at - to.data()));
}

}  // namespace

FrameEncoder::FrameEncoder() : zstd_(ZSTD_createCCtx()) {
  if (zstd_ != nullptr) {
    (void)ZSTD_CCtx_setParameter(zstd_, ZSTD_c_compressionLevel, kZstdLevel);
    (void)ZSTD_CCtx_setParameter(zstd_, ZSTD_c_contentSizeFlag, 0);
  }
}

FrameEncoder::~FrameEncoder() { ZSTD_freeCCtx(zstd_); }

uint32_t FrameEncoder::store(const void* bytes, size_t size, bool compress) {
  char* const to = out_.data() + used_;
  size_t stored = 0;
  if (compress && zstd_ != nullptr && size >= kMinCompressBytes) {
    stored = ZSTD_compress2(zstd_, to, size - 1, bytes, size);
    if (ZSTD_isError(stored)) {
      stored = 0;  // did not get smaller
    }
  }
  if (stored == 0) {
    if (size != 0) {
      memcpy(to, bytes, size);
    }
    stored = size;
  }
  used_ += stored;
  return static_cast<uint32_t>(stored);
}

std::string_view FrameEncoder::encode(FrameColumns& columns, bool compress) {
  EventsFrame& head = columns.head;
  const size_t ops = head.ops;
  const bool lines = has_line(columns.closed) || has_line(columns.left_open);
  if (lines) {
    head.flags |= kEventsOpenLines;
  }
  side_.resize((columns.functions.size() + 3 * columns.closed.size() +
                3 * columns.left_open.size() + 3 * columns.specials.size() + columns.wide.size() +
                2) *
               kMaxVarintBytes);
  char* at = side_.data();
  for (const uint32_t id : columns.functions) {
    at = put_varint(at, id);
  }
  at = put_open_calls(at, columns.closed, head.start_ticks, lines);
  at = put_open_calls(at, columns.left_open, head.end_ticks, lines);
  at = put_varint(at, columns.specials.size());
  for (const Special& special : columns.specials) {
    at = put_varint(at, static_cast<uint64_t>(special.op));
    at = put_varint(at, special.lost_events);
    at = put_varint(at, special.reason);
  }
  at = put_varint(at, columns.wide.size());
  for (const uint64_t step : columns.wide) {
    at = put_varint(at, step);
  }
  head.side_bytes = static_cast<uint32_t>(at - side_.data());

  const bool wide_codes = columns.functions.size() + kOpFirstCall > 256;
  if (wide_codes) {
    head.flags |= kEventsWideCodes;
  }
  notes_.clear();
  if (!columns.notes.empty()) {
    head.flags |= kEventsNotes;
    put_notes(columns.notes, columns.head.start_ticks, notes_);
  }
  const size_t needed = sizeof(FrameHead) + sizeof(EventsFrame) + head.side_bytes + 4 * ops +
                        kMaxVarintBytes + notes_.size();
  if (out_.size() < needed) {
    out_.resize(needed * 2);
  }
  plane_.resize(2 * ops);
  used_ = sizeof(FrameHead) + sizeof(EventsFrame);
  head.side_stored = store(side_.data(), head.side_bytes, compress);

  const uint16_t* codes = columns.codes.get();
  const uint16_t* steps = columns.steps.get();
  char* plane = plane_.data();
  for (size_t i = 0; i < ops; ++i) {
    plane[i] = static_cast<char>(codes[i]);
  }
  if (wide_codes) {
    for (size_t i = 0; i < ops; ++i) {
      plane[ops + i] = static_cast<char>(codes[i] >> 8);
    }
  }
  head.codes_stored = store(plane, wide_codes ? 2 * ops : ops, compress);
  for (size_t i = 0; i < ops; ++i) {
    plane[i] = static_cast<char>(steps[i]);
  }
  head.low_stored = store(plane, ops, compress);
  for (size_t i = 0; i < ops; ++i) {
    plane[i] = static_cast<char>(steps[i] >> 8);
  }
  head.high_stored = store(plane, ops, compress);
  head.notes_stored = 0;
  if (!columns.notes.empty()) {
    char* const to = out_.data() + used_;
    used_ += static_cast<size_t>(put_varint(to, notes_.size()) - to);
    head.notes_stored = store(notes_.data(), notes_.size(), compress);
  }

  const FrameHead frame = {
      kFrameMagic, static_cast<uint32_t>(FrameKind::kEvents), used_ - sizeof(FrameHead)};
  memcpy(out_.data(), &frame, sizeof(frame));
  memcpy(out_.data() + sizeof(frame), &head, sizeof(head));
  return {out_.data(), used_};
}

FrameDecoder::FrameDecoder() : zstd_(ZSTD_createDCtx()) {}

FrameDecoder::~FrameDecoder() { ZSTD_freeDCtx(zstd_); }

Status FrameDecoder::load(std::string_view& body,
                          uint32_t stored,
                          size_t size,
                          std::vector<unsigned char>& to) {
  if (stored > body.size() || stored > size) {
    return fail("a section is longer than its frame");
  }
  if (to.size() < size + kDecodeSlack) {
    to.resize(size + kDecodeSlack);
  }
  if (stored == size) {
    if (size != 0) {
      memcpy(to.data(), body.data(), size);
    }
  } else if (zstd_ == nullptr) {
    return fail("no memory for decompression", ENOMEM);
  } else {
    const size_t got = ZSTD_decompressDCtx(zstd_, to.data(), size, body.data(), stored);
    if (ZSTD_isError(got) || got != size) {
      return fail("a section does not decompress");
    }
  }
  body.remove_prefix(stored);
  return {};
}

Status FrameDecoder::side(std::string_view& body, DecodedFrame& to) {
  if (body.size() < sizeof(EventsFrame)) {
    return fail("a frame is shorter than its head");
  }
  memcpy(&to.head, body.data(), sizeof(EventsFrame));
  body.remove_prefix(sizeof(EventsFrame));
  const EventsFrame& head = to.head;
  if (head.ops > kMaxFrameOps || head.side_bytes > kMaxSideBytes || head.calls > head.ops ||
      head.functions > 0x1'0000 - kOpFirstCall || head.lowest_open > head.open_before ||
      head.lowest_open > head.open_after || head.end_ticks < head.start_ticks ||
      head.open_before - head.lowest_open > head.ops ||
      head.open_after - head.lowest_open > head.ops || head.deepest < head.open_before ||
      head.deepest - head.open_before > head.ops || head.open_before > kMaxFrameOps) {
    return fail("a frame's head contradicts itself");
  }
  VTN_TRY(load(body, head.side_stored, head.side_bytes, side_));
  const char* begin = reinterpret_cast<const char*>(side_.data());
  VarintReader from(begin, begin + head.side_bytes);
  to.functions.clear();
  for (uint32_t i = 0; i < head.functions; ++i) {
    const uint64_t id = from.next();
    if (from.failed() || id > UINT32_MAX) {
      return fail("a frame's list of functions is damaged");
    }
    to.functions.push_back(static_cast<uint32_t>(id));
  }
  const bool lines = (head.flags & kEventsOpenLines) != 0;
  if (!get_open_calls(
          from, head.open_before - head.lowest_open, head.start_ticks, lines, to.closed) ||
      !get_open_calls(
          from, head.open_after - head.lowest_open, head.end_ticks, lines, to.left_open)) {
    return fail("a frame's list of open calls is damaged");
  }
  to.specials.clear();
  uint64_t count = from.next();
  for (uint64_t i = 0; i < count && !from.failed(); ++i) {
    const uint64_t op = from.next();
    const uint64_t lost_events = from.next();
    to.specials.push_back(Special{static_cast<SpecialOp>(op & 0xff), lost_events, from.next()});
  }
  to.wide.clear();
  count = from.next();
  for (uint64_t i = 0; i < count && !from.failed(); ++i) {
    to.wide.push_back(from.next());
  }
  if (from.failed() || !from.at_end()) {
    return fail("a frame's lists are damaged");
  }
  return {};
}

// Notes of kinds that are not known are kept: who uses them skips what it does not know.
Status FrameDecoder::notes(std::string_view& body, DecodedFrame& to) {
  to.notes.clear();
  if ((to.head.flags & kEventsNotes) == 0) {
    return {};
  }
  VarintReader size_reader(body.data(), body.data() + body.size());
  const uint64_t size = size_reader.next();
  if (size_reader.failed() || size > kMaxNotesBytes) {
    return fail("a frame's notes have no size");
  }
  body.remove_prefix(static_cast<size_t>(size_reader.at() - body.data()));
  VTN_TRY(load(body, to.head.notes_stored, size, to.note_bytes));
  const char* begin = reinterpret_cast<const char*>(to.note_bytes.data());
  VarintReader from(begin, begin + size);
  uint64_t op = 0;
  while (!from.at_end()) {
    const uint64_t step = from.next();
    const uint64_t kind = from.next();
    const uint64_t after = kind >= kFirstMark ? from.next() : 0;
    const uint64_t key = from.next();
    const uint64_t bytes = from.next();
    const char* const text = from.at();
    if (from.failed() || step > to.head.ops - op || kind > UINT32_MAX || !from.skip(bytes)) {
      return fail("a frame's notes are damaged");
    }
    op += step;
    to.notes.push_back(Note{static_cast<uint32_t>(op),
                            static_cast<uint32_t>(kind),
                            key,
                            {text, bytes},
                            kind >= kFirstMark ? to.head.start_ticks + unzigzag(after) : 0});
  }
  return {};
}

Status FrameDecoder::decode_side(std::string_view body, DecodedFrame& to) {
  to.notes.clear();
  return side(body, to);
}

Status FrameDecoder::decode(std::string_view body, DecodedFrame& to) {
  VTN_TRY(side(body, to));
  const size_t ops = to.head.ops;
  const bool wide_codes = (to.head.flags & kEventsWideCodes) != 0;
  VTN_TRY(load(body, to.head.codes_stored, wide_codes ? 2 * ops : ops, to.codes));
  VTN_TRY(load(body, to.head.low_stored, ops, to.low));
  VTN_TRY(load(body, to.head.high_stored, ops, to.high));
  return notes(body, to);
}

}  // namespace vtn::spool
