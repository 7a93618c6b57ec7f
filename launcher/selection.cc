// SPDX-License-Identifier: Apache-2.0
#include "launcher/selection.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/freestanding/pattern.h"
#include "report/picture.h"
#include "report/process_names.h"
#include "report/summary/text.h"
#include "report/text.h"

namespace vtn::launcher {

namespace {

constexpr size_t kMostNamed = 5;
constexpr size_t kMostNameBytes = 80;

bool matches(const std::string& pattern, const std::string& text) {
  return vtn_pattern_matches(pattern.c_str(), text.c_str(), nullptr) != 0;
}

// Ids and patterns of names; those that are nobody's are wrong.
class Wanted {
 public:
  Wanted(const char* option, const std::vector<std::string>& words)
      : option_(option), words_(words), met_(words.size()) {}

  bool takes(uint32_t id, uint32_t other_id, const std::string& name) {
    bool taken = words_.empty();
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i] == std::to_string(id) || words_[i] == std::to_string(other_id) ||
          matches(words_[i], name)) {
        met_[i] = true;
        taken = true;
      }
    }
    if (!words_.empty() && known_.size() <= kMostNamed) {
      known_.insert(fmt::format("{} {}", id, report::one_line(name, kMostNameBytes)));
    }
    return taken;
  }

  Status check(const spool::Reader& recording) const {
    const auto missing = std::find(met_.begin(), met_.end(), false);
    if (missing == met_.end()) {
      return {};
    }
    std::string there;
    size_t count = 0;
    for (const std::string& one : known_) {
      there += (count == 0 ? "" : ", ") + (count == kMostNamed ? std::string("...") : one);
      ++count;
    }
    return fail(fmt::format("--{} {}: there is none in {}{}",
                            option_,
                            words_[static_cast<size_t>(missing - met_.begin())],
                            recording.path(),
                            there.empty() ? "" : "; there are " + there));
  }

 private:
  const char* option_;
  const std::vector<std::string>& words_;
  std::vector<bool> met_;
  std::set<std::string> known_;
};

// A pattern with a slash is of a file, or of a folder and all below it.
bool is_function(const std::string& pattern, const spool::FunctionInfo& function) {
  if (function.kind == FunctionKind::kInstant || function.kind == FunctionKind::kCounter) {
    return false;
  }
  if (pattern.find('/') == pattern.npos) {
    return matches(pattern, function.name);
  }
  const std::string below = pattern + (pattern.back() == '/' ? "*" : "/*");
  return !function.file.empty() &&
         (matches(pattern, function.file) || matches("*/" + pattern, function.file) ||
          matches(below, function.file) || matches("*/" + below, function.file));
}

Status choose_functions(const spool::Model& model,
                        const std::vector<std::string>& patterns,
                        spool::WindowRequest& request) {
  if (patterns.empty()) {
    return {};
  }
  std::vector<bool> met(patterns.size());
  for (const spool::ImageInfo& image : model.images) {
    std::vector<bool>& chosen = request.functions.emplace_back(image.function_of_id.size());
    for (uint32_t id = 0; id < image.function_of_id.size(); ++id) {
      const spool::FunctionInfo* function = image.function(id);
      for (size_t i = 0; function != nullptr && i < patterns.size(); ++i) {
        if (is_function(patterns[i], *function)) {
          chosen[id] = met[i] = true;
        }
      }
    }
  }
  const auto missing = std::find(met.begin(), met.end(), false);
  return missing == met.end()
             ? Status()
             : Status(fail(fmt::format("--function {}: no such function is in {}",
                                       patterns[static_cast<size_t>(missing - met.begin())],
                                       request.input->path())));
}

bool has_function(const spool::WindowRequest& request, uint32_t image) {
  const std::vector<bool>& chosen = request.functions[image];
  return std::find(chosen.begin(), chosen.end(), true) != chosen.end();
}

// Where the axis of a report begins: with the first call, program or arrow. Of a program whose
// calls are there nothing is drawn before those.
uint64_t first_drawn_ns(const report::Picture& picture) {
  uint64_t first = UINT64_MAX;
  for (const uint32_t number : picture.order) {
    for (const report::Picture::Program& program : picture.processes[number].programs) {
      first = program.traced ? first : std::min(first, program.start_ns);
    }
    for (const uint32_t i : picture.processes[number].threads) {
      first = std::min(first, picture.clock.to_ns(picture.model.threads[i].first_ticks));
    }
  }
  for (const report::Picture::Arrow& arrow : picture.arrows) {
    first = std::min(first, arrow.ns);
  }
  return first == UINT64_MAX ? 0 : first;
}

// A window of a window lies in it.
Status choose_times(const report::Picture& picture,
                    const Window& window,
                    spool::WindowRequest& request) {
  const spool::Model& model = picture.model;
  const uint64_t start_ns = first_drawn_ns(picture);
  uint64_t end_ns = start_ns;
  for (const uint32_t number : picture.order) {
    end_ns = std::max(end_ns, picture.processes[number].end_ns);
  }
  const uint64_t length_ns = end_ns - start_ns;
  if (window.from && !window.from->is_stamp && window.from->ns > length_ns) {
    return fail(fmt::format("--from {}: {} ends {} after its start",
                            report::duration_text(window.from->ns),
                            request.input->path(),
                            report::duration_text(length_ns)));
  }
  request.from_ticks = model.window.from_ticks;
  request.to_ticks = model.window.to_ticks;
  const auto stamp_ns = [&](const Moment& moment) {
    return moment.is_stamp ? moment.ns : start_ns + moment.ns;
  };
  if (window.from && stamp_ns(*window.from) > start_ns) {
    // Of a program that asks for what it has done since, nothing may be there yet.
    const uint64_t from_ns = std::min(stamp_ns(*window.from), end_ns);
    request.from_ticks = std::max(request.from_ticks, spool::ticks_at(picture.clock, from_ns));
  }
  if (window.to && stamp_ns(*window.to) <= end_ns) {
    const uint64_t to_ns = stamp_ns(*window.to);
    request.to_ticks = std::min(request.to_ticks, spool::ticks_at(picture.clock, to_ns));
  }
  return {};
}

}  // namespace

Result<spool::WindowRequest> window_of(const spool::Reader& recording, const Window& window) {
  const spool::Model& model = recording.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const report::Picture picture(model, clock, false);
  spool::WindowRequest request;
  request.input = &recording;
  VTN_TRY(choose_times(picture, window, request));
  VTN_TRY(choose_functions(model, window.functions, request));
  request.processes.resize(picture.tree.processes.size());
  request.threads.resize(model.threads.size());
  Wanted processes("process", window.processes);
  Wanted threads("thread", window.threads);
  for (const uint32_t number : picture.tree.order) {
    const report::ProcessInfo& process = picture.info(number);
    if (!processes.takes(process.shown_pid, process.pid, process.name)) {
      continue;
    }
    bool shown = window.threads.empty() && window.functions.empty();
    for (const uint32_t i : picture.processes[number].threads) {
      const spool::ThreadInfo& thread = model.threads[i];
      const std::string name = report::thread_name(model.images[thread.image], thread);
      if (threads.takes(picture.shown_tid(i), thread.tid, name) &&
          (window.functions.empty() || has_function(request, thread.image))) {
        request.threads[i] = true;
        shown = true;
      }
    }
    request.processes[number] =
        shown && process.end_ticks >= request.from_ticks && process.start_ticks <= request.to_ticks;
  }
  VTN_TRY(processes.check(recording));
  VTN_TRY(threads.check(recording));
  return request;
}

}  // namespace vtn::launcher
