// SPDX-License-Identifier: Apache-2.0
#include "report/perfetto/layout.h"

#include <algorithm>
#include <unordered_map>

#include "report/perfetto/fields.h"
#include "report/pieces.h"
#include "report/text.h"

namespace vtn::report {

using namespace perfetto;  // field numbers

namespace {

constexpr uint32_t kFirstSequence = kCallsSequence + 1;
constexpr uint64_t kFewCalls = 64;  // they are no larger for absolute stamps than for a clock

uint64_t mix(uint64_t value) {
  value += 0x9e37'79b9'7f4a'7c15;
  value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9;
  value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11eb;
  return value ^ (value >> 31);
}

// What tracks there are of an image or a process, beside those of threads.
enum Owner : uint64_t {
  kThreadTrack,
  kLossTrack,
  kProcessTrack,
  kProgramsTrack,
  kStartsTrack,
  kMainLine,
  kCounterTrack,
  kSpanTrack,
};

uint64_t make_uuid(uint64_t trace_id, Owner owner, uint64_t of, uint64_t thread, uint64_t level) {
  const uint64_t uuid = mix(mix(mix(mix(trace_id ^ owner) + of) + thread) + level);
  return uuid == 0 ? 1 : uuid;
}

}  // namespace

PerfettoLayout::PerfettoLayout(const spool::Model& trace,
                               const spool::ClockMap& map,
                               bool python_only)
    : model(trace), clock(map), picture(trace, map, python_only), start_ns(picture.start_ns) {
  for (const spool::ThreadInfo& thread : model.threads) {
    start_ns = std::min(start_ns, clock.to_ns(thread.first_ticks));
  }
  if (start_ns == UINT64_MAX) {
    start_ns = clock.first_ns();
  }
  choose_tracks();
  set_clocks(true);
  find_begins();
  end_arrows();
  main_lines.resize(picture.processes.size());
  for (const uint32_t number : picture.order) {
    const uint32_t main = picture.processes[number].main_thread;
    main_lines[number] = main == kNothing
                             ? make_uuid(model.header.trace_id, kMainLine, number, 0, 0)
                             : tracks[main][0].uuid;
  }
  for (const spool::ImageInfo& image : model.images) {
    std::vector<const std::string*>& texts = names.emplace_back();
    texts.reserve(image.functions.size());
    for (const spool::FunctionInfo& function : image.functions) {
      texts.push_back(&*texts_.insert(display_name(&function, 0)).first);
    }
  }
}

void PerfettoLayout::choose_tracks() {
  tracks.resize(model.threads.size());
  for (uint32_t i = 0; i < tracks.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    std::vector<PerfettoTrack>& levels = tracks[i];
    do {
      levels.push_back(PerfettoTrack{
          0,
          make_uuid(
              model.header.trace_id, kThreadTrack, thread.image, thread.thread, levels.size())});
    } while (levels.size() * kTrackDepth < thread.deepest);
  }
  // Of each thread id in a process: the last thread, and the tracks of all that had it.
  struct Line {
    uint32_t last = 0;
    std::vector<uint64_t> uuids;
  };
  std::unordered_map<uint32_t, Line> lines;
  for (const Picture::Process& process : picture.processes) {
    lines.clear();
    for (const uint32_t i : process.threads) {
      const auto [found, fresh] = lines.try_emplace(model.threads[i].tid);
      Line& line = found->second;
      const bool follows =
          !fresh && model.threads[i].image != model.threads[line.last].image &&
          picture.thread_end_ns(line.last) < clock.to_ns(model.threads[i].first_ticks);
      if (!fresh && !follows) {
        continue;
      }
      for (size_t level = 0; level < tracks[i].size(); ++level) {
        if (level < line.uuids.size()) {
          tracks[i][level].uuid = line.uuids[level];
        } else {
          line.uuids.push_back(tracks[i][level].uuid);
        }
      }
      line.last = i;
    }
  }
}

void PerfettoLayout::set_clocks(bool wanted) {
  sets_clocks = wanted;
  clocks.assign(model.threads.size(), 0);
  std::vector<uint32_t> most;
  for (uint32_t i = 0; wanted && i < clocks.size(); ++i) {
    if (tracks[i].size() == 1 && model.threads[i].calls > kFewCalls) {
      most.push_back(i);
    }
  }
  if (most.size() > kOwnClocks) {
    std::stable_sort(most.begin(), most.end(), [&](uint32_t a, uint32_t b) {
      return model.threads[a].calls > model.threads[b].calls;
    });
    most.resize(kOwnClocks);
  }
  for (uint32_t i = 0; i < most.size(); ++i) {
    clocks[most[i]] = kFirstOwnClock + i;
  }
  uint32_t sequence = kFirstSequence;
  for (uint32_t i = 0; i < tracks.size(); ++i) {
    for (PerfettoTrack& track : tracks[i]) {
      track.sequence = clocks[i] != 0 ? kCallsSequence : sequence++;
    }
  }
}

void PerfettoLayout::find_begins() {
  for (uint32_t i = 0; i < model.threads.size(); ++i) {
    if (!model.threads[i].open_at_first.empty()) {
      begins_before[i] = kNoFrame;
    }
  }
  if (begins_before.empty()) {
    return;
  }
  for (const spool::FrameInfo& frame : model.frames) {
    const auto found = frame.ops == 0 ? begins_before.end() : begins_before.find(frame.thread);
    if (found != begins_before.end() && found->second == kNoFrame) {
      found->second = frame.offset;
    }
  }
}

// An arrow to a traced program leads to its first call. Where none is to be had, to the program.
void PerfettoLayout::end_arrows() {
  arrow_ends.resize(model.threads.size());
  leads_to_call.resize(picture.processes.size());
  for (const Picture::Arrow& arrow : picture.arrows) {
    const Picture::Process& process = picture.processes[arrow.child];
    if (process.programs.empty() || !has_own_lines(arrow.child, process.programs.front())) {
      continue;
    }
    for (const uint32_t i : process.threads) {
      const spool::ThreadInfo& thread = model.threads[i];
      if (thread.image == process.programs.front().what.image &&
          (thread.last_op_ticks != 0 || !thread.open_at_first.empty())) {
        arrow_ends[i] = picture.flow_id(arrow);
        leads_to_call[arrow.child] = true;
        break;
      }
    }
  }
}

bool PerfettoLayout::has_own_lines(uint32_t process, const Picture::Program& program) const {
  const std::vector<uint32_t>& threads = picture.processes[process].threads;
  return program.traced && std::any_of(threads.begin(), threads.end(), [&](uint32_t i) {
           const spool::ThreadInfo& thread = model.threads[i];
           return thread.image == program.what.image &&
                  (thread.last_op_ticks != 0 || !thread.open_at_first.empty());
         });
}

uint64_t PerfettoLayout::process_uuid(uint32_t process) const {
  return make_uuid(model.header.trace_id, kProcessTrack, process, 0, 0);
}

uint64_t PerfettoLayout::programs_uuid(uint32_t process) const {
  return make_uuid(model.header.trace_id, kProgramsTrack, process, 0, 0);
}

uint64_t PerfettoLayout::starts_uuid(uint32_t thread) const {
  const spool::ThreadInfo& info = model.threads[thread];
  return make_uuid(model.header.trace_id, kStartsTrack, info.image, info.thread, 0);
}

uint64_t PerfettoLayout::loss_uuid(uint32_t image) const {
  return make_uuid(model.header.trace_id, kLossTrack, image, 0, 0);
}

uint64_t PerfettoLayout::counter_uuid(uint32_t image, uint32_t id) const {
  return make_uuid(model.header.trace_id, kCounterTrack, image, id, 0);
}

uint64_t PerfettoLayout::span_uuid(uint32_t image, uint32_t id, uint64_t ticks) const {
  return make_uuid(model.header.trace_id, kSpanTrack, image, id, ticks);
}

}  // namespace vtn::report
