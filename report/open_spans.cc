// SPDX-License-Identifier: Apache-2.0
#include "report/open_spans.h"

#include "report/marks.h"

namespace vtn::report {

spool::Note OpenSpan::note() const {
  return {0, static_cast<uint32_t>(NoteKind::kSpanBegin), key, bytes, ticks};
}

void OpenSpans::take(uint32_t thread, uint32_t image, const spool::Note& note) {
  const bool begins = is_span_begin(note);
  MutexLock lock(mutex_);
  const auto [found, is_new] =
      halves_.try_emplace({image, note.key, note.ticks},
                          Half{begins, thread, begins ? std::string(note.bytes) : std::string()});
  if (!is_new && found->second.begun != begins) {
    halves_.erase(found);
  }
}

std::vector<OpenSpan> OpenSpans::left() const {
  MutexLock lock(mutex_);
  std::vector<OpenSpan> open;
  for (const auto& [which, half] : halves_) {
    if (half.begun) {
      const auto& [image, key, ticks] = which;
      open.push_back({half.thread, image, key, ticks, half.bytes});
    }
  }
  return open;
}

}  // namespace vtn::report
