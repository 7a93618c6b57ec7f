// SPDX-License-Identifier: Apache-2.0
#include "debugger/passed_marks.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/utf8.h"
#include "report/marks.h"

namespace vtn::debugger {

namespace {

PassedMark passed_mark(const spool::ImageInfo& image, const spool::Note& note, uint64_t ns) {
  const spool::FunctionInfo* const name = image.function(static_cast<uint32_t>(note.key));
  PassedMark mark;
  mark.ns = ns;
  if (note.kind == static_cast<uint32_t>(NoteKind::kCounter)) {
    const report::CounterValue counter = report::counter_of(note, name);
    mark.name = counter.name;
    mark.value = report::json_number(counter.number);
    mark.counter = true;
    return mark;
  }
  report::Instant instant = report::instant_of(note, name);
  mark.name = std::move(instant.name);
  mark.category = std::move(instant.category);
  for (const auto& [key, value] : instant.values) {
    if (key == report::kOwnValueKey && mark.value.empty()) {
      mark.value = value;
      mark.name = name != nullptr ? valid_utf8(name->name) : mark.name;  // it was "x = 3"
    } else {
      mark.more += (mark.more.empty() ? "" : ", ") + key + "=" + value;
    }
  }
  return mark;
}

// Up to where marks have passed.
struct Until {
  uint64_t place;
  uint64_t now_ns;

  bool passed(uint64_t op, uint64_t ns) const {
    return op < place || (op == place && ns <= now_ns);
  }
};

// Marks of a thread that have passed, the last one first, until `use` says that it has enough.
// `worth` is asked before a frame is decoded.
Status go_back(Timeline& timeline,
               const Until& until,
               const std::function<bool(size_t frame)>& worth,
               const std::function<bool(const spool::Note& note, uint64_t ns)>& use) {
  if (timeline.frames() == 0) {
    return {};
  }
  const spool::ClockMap& clock = timeline.recording().clock();
  size_t frame = std::min(timeline.frame_of(until.place), timeline.frames() - 1);
  for (size_t left = frame + 1; left > 0; --left, --frame) {
    VTN_ASSIGN(const Timeline::Head* const head, timeline.head(frame));
    if ((head->flags & spool::kEventsNotes) == 0) {
      continue;
    }
    if (!worth(frame)) {
      return {};
    }
    VTN_ASSIGN(const auto page, timeline.page(frame));
    const std::vector<spool::Note>& notes = page->frame.notes;
    for (auto note = notes.rbegin(); note != notes.rend(); ++note) {
      if (!report::is_mark(*note)) {
        continue;
      }
      const uint64_t ns = clock.to_ns(note->ticks);
      if (until.passed(timeline.first_op(frame) + note->op, ns) && !use(*note, ns)) {
        return {};
      }
    }
  }
  return {};
}

bool is_of(const spool::FunctionInfo& name, Values which) {
  if (which == Values::kCounters) {
    return name.kind == FunctionKind::kCounter;
  }
  return name.kind == FunctionKind::kInstant &&
         (name.file == "variable" || name.file == "attribute" || name.file == "magic comment");
}

}  // namespace

Result<std::vector<PassedMark>> last_marks(Timeline& timeline,
                                           uint64_t place,
                                           uint64_t now_ns,
                                           size_t most) {
  std::vector<PassedMark> marks;
  if (most != 0) {
    VTN_TRY(go_back(
        timeline,
        {place, now_ns},
        [](size_t) { return true; },
        [&](const spool::Note& note, uint64_t ns) {
          marks.push_back(passed_mark(timeline.image(), note, ns));
          return marks.size() < most;
        }));
  }
  std::reverse(marks.begin(), marks.end());
  return marks;
}

Result<std::vector<PassedMark>> newest_values(Timeline& timeline,
                                              const std::function<Timeline&(uint32_t)>& timeline_of,
                                              uint64_t place,
                                              uint64_t now_ns,
                                              Values which) {
  const Recording& recording = timeline.recording();
  const spool::ImageInfo& image = timeline.image();
  std::set<uint64_t> names;  // ids
  for (uint32_t id = 0; id < image.function_of_id.size(); ++id) {
    if (const spool::FunctionInfo* name = image.function(id); name != nullptr) {
      if (is_of(*name, which)) {
        names.insert(id);
      }
    }
  }
  std::map<uint64_t, PassedMark> newest;  // by id of the name
  for (const uint32_t thread : recording.threads()) {
    if (names.empty() || recording.thread(thread).image != timeline.info().image) {
      continue;
    }
    const bool own = thread == timeline.thread();
    Timeline& of = own ? timeline : timeline_of(thread);
    Until until = {place, now_ns};
    if (!own) {
      VTN_ASSIGN(until.place, of.place_at(now_ns));
    }
    std::set<uint64_t> missing = names;
    VTN_TRY(go_back(
        of,
        until,
        [&](size_t frame) {
          // What a frame tells behind its last op was before the first one of the next.
          const uint64_t end_ns =
              frame + 2 < of.frames()
                  ? recording.clock().to_ns(of.frame_info(frame + 2).previous_ticks)
                  : UINT64_MAX;
          return std::any_of(missing.begin(), missing.end(), [&](uint64_t id) {
            const auto known = newest.find(id);
            return known == newest.end() || known->second.ns <= end_ns;
          });
        },
        [&](const spool::Note& note, uint64_t ns) {
          if (missing.erase(note.key) != 0) {
            const auto [known, fresh] = newest.try_emplace(note.key);
            if (fresh || known->second.ns <= ns) {
              known->second = passed_mark(image, note, ns);
            }
          }
          return !missing.empty();
        }));
  }
  std::vector<PassedMark> values;
  for (auto& [id, mark] : newest) {
    values.push_back(std::move(mark));
  }
  std::stable_sort(values.begin(), values.end(), [](const PassedMark& a, const PassedMark& b) {
    return a.name < b.name;
  });
  return values;
}

}  // namespace vtn::debugger
