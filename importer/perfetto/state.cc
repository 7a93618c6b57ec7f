// SPDX-License-Identifier: Apache-2.0
#include "importer/perfetto/state.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace vtn::importer {

namespace {

constexpr uint64_t kRealtime = 1;
constexpr uint64_t kBoottime = 6;
constexpr uint64_t kFirstOwnClock = 64;
constexpr uint64_t kMostNs = uint64_t{1} << 62;
constexpr int kDeepest = 16;

void intern_text(std::string_view message, std::unordered_map<uint64_t, std::string>& to) {
  ProtoReader from(message);
  ProtoField field;
  uint64_t iid = 0;
  std::string text;
  while (from.next(field)) {
    iid = field.number == 1 ? field.value : iid;
    if (field.number == 2) {
      text = field.bytes;
    }
  }
  to[iid] = std::move(text);
}

}  // namespace

void PacketSequence::intern(std::string_view data) {
  ProtoReader from(data);
  ProtoField field;
  while (from.next(field)) {
    switch (field.number) {
      case 1:
        intern_text(field.bytes, categories);
        break;
      case 2:
        intern_text(field.bytes, event_names);
        break;
      case 3:
        intern_text(field.bytes, annotation_names);
        break;
      case 29:
        intern_text(field.bytes, texts);
        break;
      default:
        break;
    }
  }
}

void PacketClocks::snapshot(std::string_view message, PacketSequence& sequence) {
  struct Reading {
    uint64_t id = 0;
    uint64_t time = 0;
    uint64_t unit_ns = 1;
    bool incremental = false;
  };
  std::vector<Reading> readings;
  uint64_t primary = 0;
  ProtoReader from(message);
  ProtoField field;
  while (from.next(field)) {
    if (field.number == 2) {
      primary = field.value;
    } else if (field.number == 1) {
      Reading& reading = readings.emplace_back();
      ProtoReader clock(field.bytes);
      ProtoField part;
      while (clock.next(part)) {
        switch (part.number) {
          case 1:
            reading.id = part.value;
            break;
          case 2:
            reading.time = part.value;
            break;
          case 3:
            reading.incremental = part.value != 0;
            break;
          case 4:
            reading.unit_ns = std::clamp<uint64_t>(part.value, 1, 1'000'000'000);
            break;
          default:
            break;
        }
      }
    }
  }
  const auto find = [&](uint64_t id) -> const Reading* {
    const auto found = std::find_if(
        readings.begin(), readings.end(), [&](const Reading& one) { return one.id == id; });
    return found == readings.end() ? nullptr : &*found;
  };
  if (primary_ == 0) {
    primary_ = primary != 0                 ? primary
               : find(kBoottime) != nullptr ? kBoottime
               : readings.empty()           ? 0
                                            : readings.front().id;
  }
  const Reading* const now = find(primary_);
  for (const Reading& reading : readings) {
    const uint64_t at_ns = std::min(reading.time, kMostNs / reading.unit_ns) * reading.unit_ns;
    const uint64_t trace_ns = now != nullptr ? std::min(now->time, kMostNs) : at_ns;
    const auto offset_ns = static_cast<int64_t>(trace_ns - at_ns);
    if (reading.id >= kFirstOwnClock) {
      sequence.clocks[reading.id] = {reading.time, reading.unit_ns, offset_ns, reading.incremental};
    } else {
      offsets_ns_[reading.id] = offset_ns;
    }
    if (reading.id == kRealtime && now != nullptr && at_ns > trace_ns && realtime_base_ns_ == 0) {
      realtime_base_ns_ = at_ns - trace_ns;
    }
  }
}

uint64_t PacketClocks::to_ns(uint64_t timestamp, uint64_t clock, PacketSequence& sequence) const {
  if (clock == 0) {
    clock = sequence.default_clock;
  }
  if (clock >= kFirstOwnClock) {
    const auto own = sequence.clocks.find(clock);
    if (own == sequence.clocks.end()) {
      return timestamp;
    }
    PacketSequence::Clock& state = own->second;
    if (state.incremental) {
      state.now += timestamp;
      timestamp = state.now;
    }
    return timestamp * state.unit_ns + static_cast<uint64_t>(state.offset_ns);
  }
  const auto offset = clock == primary_ ? offsets_ns_.end() : offsets_ns_.find(clock);
  return offset == offsets_ns_.end() ? timestamp
                                     : timestamp + static_cast<uint64_t>(offset->second);
}

PacketAnnotation PacketAnnotation::read(std::string_view message,
                                        const PacketSequence& sequence,
                                        int depth) {
  PacketAnnotation annotation;
  ProtoReader from(message);
  ProtoField field;
  while (depth < kDeepest && from.next(field)) {
    switch (field.number) {
      case 1:
        if (const auto found = sequence.annotation_names.find(field.value);
            found != sequence.annotation_names.end()) {
          annotation.name = found->second;
        }
        break;
      case 2:
        annotation.text = field.value != 0 ? "true" : "false";
        annotation.number = field.value;
        break;
      case 3:
        annotation.text = std::to_string(field.value);
        annotation.number = field.value;
        break;
      case 4:
        annotation.text = std::to_string(static_cast<int64_t>(field.value));
        annotation.number = field.value;
        break;
      case 5:
        annotation.text = fmt::format("{}", std::bit_cast<double>(field.value));
        break;
      case 6:
      case 9:
        annotation.text = field.bytes;
        break;
      case 7:
        annotation.text = fmt::format("0x{:x}", field.value);
        break;
      case 10:
        annotation.name = field.bytes;
        break;
      case 11:
      case 12:
        annotation.list = field.number == 12;
        annotation.members.push_back(read(field.bytes, sequence, depth + 1));
        break;
      case 17:
        if (const auto found = sequence.texts.find(field.value); found != sequence.texts.end()) {
          annotation.text = found->second;
        }
        break;
      default:
        break;
    }
  }
  if (annotation.text.empty() && !annotation.members.empty()) {
    for (const PacketAnnotation& member : annotation.members) {
      annotation.text += annotation.text.empty() ? "" : ", ";
      annotation.text += annotation.list ? member.text : member.name + ": " + member.text;
    }
    annotation.text =
        (annotation.list ? "[" : "{") + annotation.text + (annotation.list ? "]" : "}");
  }
  return annotation;
}

std::vector<std::string> PacketAnnotation::texts() const {
  std::vector<std::string> all;
  for (const PacketAnnotation& member : members) {
    all.push_back(member.text);
  }
  return all;
}

}  // namespace vtn::importer
