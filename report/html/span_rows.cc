// SPDX-License-Identifier: Apache-2.0
#include "report/html/span_rows.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "report/html/thread_rows.h"
#include "report/html/values_json.h"
#include "report/marks.h"
#include "report/summary/call_walk.h"

namespace vtn::report {

namespace {

// The members of a JSON object.
std::string values_of(const spool::Note& note) {
  std::string members;
  for (const auto& [name, value] : instant_of(note, nullptr).values) {
    append_json_member(members, name, value);
  }
  return members;
}

}  // namespace

SpanRows::SpanRows(PageRun& run, uint32_t thread)
    : run_(run),
      thread_(thread),
      image_(run.picture.model.threads[thread].image),
      track_(run.first_span_track + run.span_tracks.fetch_add(1, std::memory_order_relaxed)),
      block_(track_) {}

void SpanRows::begin(const spool::Note& note) {
  const Key key(note.key, note.ticks);
  if (open_.contains(key)) {
    return;  // the file is damaged
  }
  uint32_t lane = 0;
  if (free_lanes_.empty()) {
    lane = static_cast<uint32_t>(lanes_.size());
    lanes_.push_back(0);
  } else {
    lane = *free_lanes_.begin();
    free_lanes_.erase(free_lanes_.begin());
  }
  open_.emplace(key, Open{lane, std::string(note.bytes)});
}

void SpanRows::end(const spool::Note& note) {
  const Key key(note.key, note.ticks);
  const uint64_t end_ns = run_.picture.clock.to_ns(note.ticks + span_ticks(note));
  std::string values = values_of(note);
  const auto found = open_.find(key);
  if (found == open_.end()) {
    ended_.push_back({key, end_ns, std::move(values)});
    return;
  }
  row(found->second.lane, key, end_ns, 0, values);
  free_lanes_.insert(found->second.lane);
  open_.erase(found);
}

uint32_t SpanRows::number_of(uint64_t key) {
  const auto [found, is_new] = numbers_.try_emplace(key, 0);
  if (is_new) {
    found->second = run_.functions.number_of_span(
        run_.picture.model.images[image_].function(static_cast<uint32_t>(key)));
  }
  return found->second;
}

void SpanRows::row(
    uint32_t lane, const Key& key, uint64_t end_ns, uint32_t flags, const std::string& values) {
  // Rows of a lane never overlap, whatever a damaged file says.
  const uint64_t start_ns =
      std::max({run_.picture.clock.to_ns(key.second), lanes_[lane], run_.offset_ns});
  end_ns = std::max(end_ns, start_ns);
  const uint32_t number = number_of(key.first);
  lanes_[lane] = end_ns;
  start_ns_ = std::min(start_ns_, start_ns);
  end_ns_ = std::max(end_ns_, end_ns);
  SpanSums& sums = sums_[number];
  ++sums.spans;
  sums.total_ns += end_ns - start_ns;
  if (!values.empty()) {
    value_rows_ += fmt::format("{}[{},{},0,{{{}}},null]",
                               value_rows_.empty() ? "" : ",\n",
                               lane,
                               block_.next_row(lane),
                               values);
    values_from_ns_ = std::min(values_from_ns_, start_ns);
    values_to_ns_ = std::max(values_to_ns_, end_ns);
    if (value_rows_.size() >= kLongPageText) {
      flush_values();
    }
  }
  block_.add(lane, start_ns, end_ns, number, flags);
  if (block_.full()) {
    flush();
  }
}

void SpanRows::close_open(const EndedElsewhere& ended) {
  const uint64_t last_ns = end_of_thread_ns(run_.picture, thread_);
  for (const auto& [key, open] : open_) {
    const auto elsewhere = ended.find({image_, key});
    if (elsewhere != ended.end()) {
      elsewhere->second->drawn = true;
      row(open.lane, key, elsewhere->second->end_ns, 0, elsewhere->second->values);
      continue;
    }
    const auto kind = static_cast<uint32_t>(NoteKind::kSpanBegin);
    row(open.lane,
        key,
        last_ns,
        kRowUnfinished,
        values_of({0, kind, key.first, open.bytes, key.second}));
  }
  open_.clear();
}

// On lanes of their own: those of the others were given away as they came.
void SpanRows::place_ended() {
  std::erase_if(ended_, [](const Ended& one) { return one.drawn; });
  std::sort(ended_.begin(), ended_.end(), [](const Ended& a, const Ended& b) {
    return std::tie(a.key.second, a.end_ns, a.key.first) <
           std::tie(b.key.second, b.end_ns, b.key.first);
  });
  std::set<std::pair<uint64_t, uint32_t>> busy;  // until when, lane
  for (const Ended& one : ended_) {
    uint32_t lane = 0;
    if (!busy.empty() && busy.begin()->first <= run_.picture.clock.to_ns(one.key.second)) {
      lane = busy.begin()->second;
      busy.erase(busy.begin());
    } else {
      lane = static_cast<uint32_t>(lanes_.size());
      lanes_.push_back(0);
    }
    row(lane, one.key, one.end_ns, 0, one.values);
    busy.emplace(lanes_[lane], lane);
  }
  ended_.clear();
}

void SpanRows::keep(Status status) {
  if (status_) {
    status_ = std::move(status);
  }
}

void SpanRows::flush() {
  if (block_.rows() != 0) {
    keep(run_.calls.put(block_.pack(run_.offset_ns)));
  }
}

void SpanRows::flush_values() {
  if (!value_rows_.empty()) {
    keep(put_values(
        run_, track_, values_from_ns_, values_to_ns_, std::exchange(value_rows_, std::string())));
    values_from_ns_ = UINT64_MAX;
    values_to_ns_ = 0;
  }
}

Status finish_spans(PageRun& run) {
  MutexLock lock(run.mutex);
  SpanRows::EndedElsewhere ended;
  for (const auto& rows : run.spans) {
    for (SpanRows::Ended& one : rows->ended_) {
      ended.emplace(std::pair(rows->image_, one.key), &one);
    }
  }
  for (const auto& rows : run.spans) {
    rows->close_open(ended);
  }
  run.tracks.resize(run.spans.size());
  for (const auto& rows : run.spans) {
    rows->place_ended();
    rows->flush();
    rows->flush_values();
    VTN_TRY(rows->status_);
    for (const auto& [number, sums] : rows->sums_) {
      run.sums_of_span[number].spans += sums.spans;
      run.sums_of_span[number].total_ns += sums.total_ns;
      run.rows += sums.spans;
    }
    run.tracks[rows->track_ - run.first_span_track] = {
        rows->thread_, rows->start_ns_, rows->end_ns_, rows->block_.rows_by_depth()};
  }
  run.spans.clear();
  return {};
}

}  // namespace vtn::report
