// SPDX-License-Identifier: Apache-2.0
#include "spool/retime.h"

#include <string.h>

#include "abi/event_abi.h"
#include "abi/names_abi.h"

namespace vtn::spool {

namespace {

void retime_calls(const std::vector<OpenCall>& calls,
                  const Retiming& retiming,
                  std::vector<OpenCall>& to) {
  to = calls;
  for (OpenCall& call : to) {
    call.start_ticks = retiming.stamp(call.start_ticks);
  }
}

}  // namespace

Status retime_frame(const DecodedFrame& frame, const Retiming& retiming, FrameColumns& to) {
  const uint32_t ops = frame.head.ops;
  const bool wide_codes = (frame.head.flags & kEventsWideCodes) != 0;
  to.reset(ops);
  to.head = frame.head;
  // The encoder says again which of them hold.
  to.head.flags &= ~(kEventsWideCodes | kEventsNotes | kEventsOpenLines);
  to.head.start_ticks = retiming.stamp(frame.head.start_ticks);
  to.head.end_ticks = retiming.stamp(frame.head.end_ticks);
  to.functions = frame.functions;
  to.specials = frame.specials;
  to.notes = frame.notes;
  for (Note& note : to.notes) {
    note.ticks = note.kind >= kFirstMark ? retiming.stamp(note.ticks) : 0;
  }
  retime_calls(frame.closed, retiming, to.closed);
  retime_calls(frame.left_open, retiming, to.left_open);
  ClockMap::Cursor to_ns(retiming.map());
  uint64_t ticks = frame.head.start_ticks;
  uint64_t before = to.head.start_ticks;
  size_t wide = 0;
  for (uint32_t i = 0; i < ops; ++i) {
    uint64_t step = frame.low[i] | (static_cast<uint32_t>(frame.high[i]) << 8);
    if (step == kWideStep) {
      if (wide == frame.wide.size()) {
        return fail("a frame has too few wide steps");
      }
      step = frame.wide[wide++];
    }
    ticks += step;
    const uint64_t now = retiming.same() ? ticks : retiming.shifted(to_ns(ticks));
    const uint64_t new_step = now - before;
    before = now;
    if (new_step >= kWideStep) {
      to.wide.push_back(new_step);
    }
    to.steps[i] = static_cast<uint16_t>(new_step >= kWideStep ? kWideStep : new_step);
    to.codes[i] = static_cast<uint16_t>(
        frame.codes[i] | (wide_codes ? static_cast<uint32_t>(frame.codes[ops + i]) << 8 : 0));
  }
  return {};
}

void retime_names(std::string& words, const Retiming& retiming) {
  if (retiming.same()) {
    return;
  }
  const size_t count = words.size() / sizeof(uint64_t);
  const auto at = [&](size_t i) {
    uint64_t word = 0;
    memcpy(&word, words.data() + i * sizeof(word), sizeof(word));
    return word;
  };
  for (size_t i = 0; i < count && at(i) != 0;) {
    const uint32_t length = name_record_words(at(i));
    if (length < 2 || length > count - i) {
      return;
    }
    const NameRecord type = name_record_type(at(i));
    if (type == NameRecord::kProcess || type == NameRecord::kThread ||
        type == NameRecord::kSwitchedOff) {
      static_assert(offsetof(ProcessRecord, start_ticks) == 0 &&
                    offsetof(ThreadRecord, start_ticks) == 0 &&
                    offsetof(SwitchedOffRecord, ticks) == 0);
      const uint64_t stamp = retiming.stamp(at(i + 1));
      memcpy(words.data() + (i + 1) * sizeof(stamp), &stamp, sizeof(stamp));
    }
    i += length;
  }
}

}  // namespace vtn::spool
