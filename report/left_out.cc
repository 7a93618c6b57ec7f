// SPDX-License-Identifier: Apache-2.0
#include "report/left_out.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "report/process_names.h"
#include "report/summary/text.h"
#include "report/text.h"

namespace vtn::report {

namespace {

using Key = std::tuple<std::string, uint32_t, std::string, FunctionKind>;

Key key_of(const spool::FunctionInfo& function) {
  return {function.file, function.line, function.name, function.kind};
}

bool is_mark(const spool::FunctionInfo* function) {
  return function != nullptr &&
         (function->kind == FunctionKind::kInstant || function->kind == FunctionKind::kCounter);
}

// "name":...,"file":...,"line":...
std::string function_members(const spool::FunctionInfo* function) {
  return fmt::format(
      "\"name\":{},\"file\":{},\"line\":{}",
      function == nullptr ? "null" : json_quoted(function->name),
      function == nullptr || function->file.empty() ? "null" : json_quoted(function->file),
      function == nullptr ? 0 : function->line);
}

}  // namespace

std::string LeftOut::since_text(uint64_t ns) const {
  return fmt::format("from {} on", duration_text(ns - std::min(ns, start_ns)));
}

LeftOut left_out_of(const spool::Model& model, const spool::ClockMap& clock) {
  std::map<Key, LeftOutFunction> limited;
  std::map<Key, const spool::FunctionInfo*> hidden;
  LeftOut result;
  const uint64_t origin = model.clock.empty() ? 0 : model.clock.front().ticks;
  const auto to_ns = [&](uint64_t ticks) {
    return clock.to_ns(origin + ticks) - clock.to_ns(origin);
  };
  result.start_ns = clock.to_ns(origin);
  const auto lower = [](uint64_t& known, uint64_t ns) {
    known = known == 0 ? ns : std::min(known, ns);
  };
  for (const spool::ImageInfo& image : model.images) {
    for (const auto& [id, ticks] : image.counted_from_ticks) {
      lower(is_mark(image.function(id)) ? result.marks_from_ns : result.counted_from_ns,
            clock.to_ns(ticks));
    }
    for (const auto& [id, left_out] : image.left_out) {
      const spool::FunctionInfo* function = image.function(id);
      LeftOutFunction& sum =
          limited[function == nullptr ? Key("", 0, "", FunctionKind::kPython) : key_of(*function)];
      const uint64_t calls = function != nullptr && function->resumed() ? 0 : left_out.calls;
      sum.function = function;
      sum.calls += calls;
      sum.total_ns += to_ns(left_out.ticks);
      if (const auto since = image.counted_from_ticks.find(id);
          since != image.counted_from_ticks.end()) {
        lower(sum.counted_from_ns, clock.to_ns(since->second));
      }
      (is_mark(function) ? result.all_marks : result.calls) += calls;
    }
    for (const spool::FunctionInfo& function : image.hidden) {
      hidden.try_emplace(key_of(function), &function);
    }
  }
  for (const auto& [key, one] : limited) {
    if (is_mark(one.function)) {
      result.marks.push_back(one);
      continue;
    }
    result.limited.push_back(one);
    result.counted += one.counted_from_ns != 0 ? 1 : 0;
  }
  std::stable_sort(
      result.limited.begin(),
      result.limited.end(),
      [](const LeftOutFunction& a, const LeftOutFunction& b) { return a.total_ns > b.total_ns; });
  for (const auto& [key, function] : hidden) {
    result.hidden.push_back(function);
  }
  return result;
}

std::vector<DroppedCalls> dropped_calls_of(const spool::Model& model,
                                           const ProcessTree& tree,
                                           const spool::ClockMap& clock) {
  std::vector<DroppedCalls> all;
  for (const uint32_t number : tree.order) {
    const auto found = model.dropped.find(number);
    if (found == model.dropped.end()) {
      continue;
    }
    DroppedCalls& one = all.emplace_back();
    one.process = &tree.processes[number];
    one.calls = found->second.calls;
    one.marks = found->second.marks;
    one.ended_threads = found->second.ended_threads;
    one.until_ns = clock.to_ns(found->second.until_ticks);
    const uint64_t start_ns = model.clock.empty() ? 0 : clock.to_ns(model.clock.front().ticks);
    one.first_ns = one.until_ns - std::min(one.until_ns, start_ns);
  }
  return all;
}

std::string dropped_text(const DroppedCalls& dropped) {
  return fmt::format(
      "{} calls{} of {} {} in the first {}{}",
      grouped(dropped.calls),
      dropped.marks == 0 ? "" : fmt::format(" and {} marks", grouped(dropped.marks)),
      dropped.process->shown_pid,
      dropped.process->name,
      duration_text(dropped.first_ns),
      dropped.ended_threads == 0
          ? ""
          : fmt::format(", all that {} threads did among them", grouped(dropped.ended_threads)));
}

std::vector<SwitchedOffFunction> switched_off_of(const spool::Model& model,
                                                 const ProcessTree& tree,
                                                 const spool::ClockMap& clock) {
  std::vector<SwitchedOffFunction> all;
  const uint64_t start_ns = model.clock.empty() ? 0 : clock.to_ns(model.clock.front().ticks);
  for (const uint32_t number : tree.order) {
    const size_t first = all.size();
    for (const uint32_t image : tree.processes[number].images) {
      for (const auto& [id, ticks] : model.images[image].switched_off_ticks) {
        const uint64_t from_ns = clock.to_ns(ticks);
        all.push_back({&tree.processes[number],
                       model.images[image].function(id),
                       from_ns,
                       from_ns - std::min(from_ns, start_ns)});
      }
    }
    std::stable_sort(all.begin() + static_cast<ptrdiff_t>(first),
                     all.end(),
                     [](const SwitchedOffFunction& a, const SwitchedOffFunction& b) {
                       return a.from_ns < b.from_ns;
                     });
  }
  return all;
}

std::string switched_off_text(const SwitchedOffFunction& off) {
  return fmt::format("{} of {} {} from {} on",
                     function_text(off.function, ""),
                     off.process->shown_pid,
                     off.process->name,
                     duration_text(off.after_ns));
}

std::string recorded_with(const spool::Model& model) {
  std::string text;
  for (const std::string& setting : model.settings) {
    text += (text.empty() ? "" : " ") + one_line(setting, 200);
  }
  return text;
}

std::string left_out_json(const spool::Model& model,
                          const ProcessTree& tree,
                          const spool::ClockMap& clock) {
  const LeftOut left_out = left_out_of(model, clock);
  std::string text = "\"recorded_with\":" + json_list(model.settings) + ",\n\"left_out\":[";
  for (size_t i = 0; i < left_out.limited.size(); ++i) {
    const LeftOutFunction& one = left_out.limited[i];
    text += fmt::format("{}\n{{{},\"calls\":{},\"total_ns\":{},\"counted_from_ns\":{}}}",
                        i == 0 ? "" : ",",
                        function_members(one.function),
                        one.calls,
                        one.total_ns,
                        one.counted_from_ns == 0 ? "null" : std::to_string(one.counted_from_ns));
  }
  text += "],\n\"left_out_marks\":[";
  for (size_t i = 0; i < left_out.marks.size(); ++i) {
    const LeftOutFunction& one = left_out.marks[i];
    text += fmt::format("{}\n{{\"name\":{},\"cat\":{},\"marks\":{},\"counted_from_ns\":{}}}",
                        i == 0 ? "" : ",",
                        json_quoted(one.function->name),
                        json_quoted(one.function->file),
                        one.calls,
                        one.counted_from_ns);
  }
  text += "],\n\"hidden\":[";
  for (size_t i = 0; i < left_out.hidden.size(); ++i) {
    text += fmt::format("{}\n{{{}}}", i == 0 ? "" : ",", function_members(left_out.hidden[i]));
  }
  text += "],\n\"dropped\":[";
  const std::vector<DroppedCalls> dropped = dropped_calls_of(model, tree, clock);
  for (size_t i = 0; i < dropped.size(); ++i) {
    text += fmt::format(
        "{}\n{{\"pid\":{},\"name\":{},\"calls\":{},\"marks\":{},\"ended_threads\":{},"
        "\"until_ns\":{}}}",
        i == 0 ? "" : ",",
        dropped[i].process->shown_pid,
        json_quoted(dropped[i].process->name),
        dropped[i].calls,
        dropped[i].marks,
        dropped[i].ended_threads,
        dropped[i].until_ns);
  }
  text += "],\n\"switched_off\":[";
  const std::vector<SwitchedOffFunction> off = switched_off_of(model, tree, clock);
  for (size_t i = 0; i < off.size(); ++i) {
    text += fmt::format("{}\n{{{},\"pid\":{},\"from_ns\":{}}}",
                        i == 0 ? "" : ",",
                        function_members(off[i].function),
                        off[i].process->shown_pid,
                        off[i].from_ns);
  }
  return text + "]";
}

}  // namespace vtn::report
