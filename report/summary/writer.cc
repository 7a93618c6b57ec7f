// SPDX-License-Identifier: Apache-2.0
#include "report/summary/writer.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "report/left_out.h"
#include "report/output_file.h"
#include "report/picture.h"
#include "report/process_names.h"
#include "report/summary/text.h"
#include "report/summary/totals.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kMostThreadNameBytes = 80;

// A caller of a function, put together over the threads of a process.
struct Caller {
  const spool::FunctionInfo* function = nullptr;
  bool nobody = false;  // a thread's first call
  FunctionTotals totals;
};

using Key = std::tuple<std::string, std::string, uint32_t, uint32_t>;

Key key_of(const spool::FunctionInfo* function, bool nobody) {
  return function == nullptr ? Key("", "", nobody ? 1 : 0, 0)
                             : Key(function->name,
                                   function->file,
                                   function->line,
                                   1 + static_cast<uint32_t>(function->kind));
}

// By callee, then those that spent the most first.
std::map<Key, std::vector<Caller>> callers_of(const spool::Model& model,
                                              const CallTotals& totals,
                                              const std::vector<uint32_t>& threads) {
  std::map<Key, std::map<Key, Caller>> found;
  for (const uint32_t thread : threads) {
    const spool::ImageInfo& image = model.images[model.threads[thread].image];
    for (const auto& [edge, sums] : totals.threads[thread].edges) {
      const bool nobody = edge.first == kNoFunction;
      const spool::FunctionInfo* from = nobody ? nullptr : function_at(image, edge.first);
      Caller& caller = found[key_of(function_at(image, edge.second), false)][key_of(from, nobody)];
      caller.function = from;
      caller.nobody = nobody;
      caller.totals.add(sums);
    }
  }
  std::map<Key, std::vector<Caller>> sorted;
  for (auto& [callee, callers] : found) {
    std::vector<Caller>& list = sorted[callee];
    for (auto& [key, caller] : callers) {
      list.push_back(caller);
    }
    std::stable_sort(list.begin(), list.end(), [](const Caller& a, const Caller& b) {
      return a.totals.total_ns > b.totals.total_ns;
    });
  }
  return sorted;
}

// Everything that both formats write, gathered once.
struct Summary {
  explicit Summary(const spool::Reader& reader)
      : spool(reader),
        model(reader.model()),
        clock(static_cast<ClockKind>(model.header.clock_kind), model.clock),
        picture(model, clock, false),
        threads(threads_by_process(model)) {}

  const spool::Reader& spool;
  const spool::Model& model;
  spool::ClockMap clock;
  Picture picture;
  std::vector<std::vector<uint32_t>> threads;  // by process
  CallTotals totals;

  Status add(const WriteRequest& request) {
    VTN_ASSIGN(totals, add_up(spool, AlsoAdd::kEdges, request.settings.workers, request.progress));
    return {};
  }
  FunctionTotals sum_of(const std::vector<uint32_t>& of) const {
    FunctionTotals sum;
    for (const uint32_t thread : of) {
      sum.calls += totals.threads[thread].calls;
      sum.own_ns += totals.threads[thread].own_ns;
    }
    return sum;
  }
  const std::string& folder_of_process(uint32_t process) const {
    static const std::string none;
    const std::vector<uint32_t>& images = picture.info(process).images;
    return images.empty() ? none : model.images[images.back()].cwd;
  }
};

// Appends to the file now and then, so that a large summary is never all in memory.
class Sink {
 public:
  explicit Sink(OutputFile& output) : output_(output) {}
  Status put(std::string_view text) {
    pending_ += text;
    return pending_.size() < kPieceBytes ? Status() : flush();
  }
  Status flush() {
    VTN_TRY(output_.append(pending_));
    pending_.clear();
    return {};
  }

 private:
  OutputFile& output_;
  std::string pending_;
};

Status put_table(Sink& sink,
                 const std::vector<NamedTotals>& functions,
                 uint64_t all_ns,
                 const std::string& folder,
                 const std::map<Key, std::vector<Caller>>* callers) {
  VTN_TRY(sink.put(table_head() + "\n"));
  for (const NamedTotals& named : functions) {
    VTN_TRY(sink.put(table_line(named, all_ns, folder) + "\n"));
    if (callers == nullptr) {
      continue;
    }
    const auto found = callers->find(key_of(named.function, false));
    if (found == callers->end()) {
      continue;
    }
    for (const Caller& caller : found->second) {
      VTN_TRY(sink.put(fmt::format("{:>8} {:>6} {:>8} {:>13}    from {}\n",
                                   "",
                                   "",
                                   duration_text(caller.totals.total_ns),
                                   grouped(caller.totals.calls),
                                   caller.nobody ? "nothing (the thread begins with it)"
                                                 : function_text(caller.function, folder))));
    }
  }
  return sink.put("\n");
}

std::string function_json(const spool::FunctionInfo* function, const FunctionTotals& totals) {
  static constexpr const char* kKinds[] = {"unknown", "python", "c", "class", "instance"};
  const auto kind = function == nullptr ? 0u : static_cast<uint32_t>(function->kind);
  return fmt::format(
      "\"name\":{},\"kind\":\"{}\",\"file\":{},\"line\":{},\"calls\":{},\"own_ns\":{},\"total_ns\":"
      "{}",
      function == nullptr ? "null" : json_quoted(function->name),
      kKinds[kind < 5 ? kind : 0],
      function == nullptr || function->file.empty() ? "null" : json_quoted(function->file),
      function == nullptr ? 0 : function->line,
      totals.calls,
      totals.own_ns,
      totals.total_ns);
}

Status put_functions_json(Sink& sink,
                          const std::vector<NamedTotals>& functions,
                          const std::map<Key, std::vector<Caller>>* callers) {
  VTN_TRY(sink.put("\"functions\":["));
  bool first = true;
  for (const NamedTotals& named : functions) {
    std::string text = first ? "\n{" : ",\n{";
    first = false;
    text += function_json(named.function, named.totals);
    if (callers != nullptr) {
      text += ",\"callers\":[";
      const auto found = callers->find(key_of(named.function, false));
      for (size_t i = 0; found != callers->end() && i < found->second.size(); ++i) {
        text += i == 0 ? "{" : ",{";
        text += function_json(found->second[i].function, found->second[i].totals) + "}";
      }
      text += "]";
    }
    VTN_TRY(sink.put(text + "}"));
  }
  return sink.put("]");
}

}  // namespace

Status write_summary_text(const spool::Reader& spool, const WriteRequest& request) {
  Summary summary(spool);
  VTN_TRY(summary.add(request));
  const spool::Model& model = summary.model;
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  Sink sink(output);
  const spool::Totals run = spool::totals_of(model);
  VTN_TRY(sink.put(fmt::format("viztracer-native {}\n{}\n\n{} calls in {} slices, {} events lost\n",
                               one_line(model.version, 80),
                               one_line(model.command_line, 2000),
                               grouped(summary.totals.calls()),
                               grouped(run.calls),
                               grouped(run.lost_events))));
  VTN_TRY(sink.put(
      "own: time of the calls less that of the calls in them; share: of all own time of the "
      "process\n"
      "or thread; total: time of the calls, of a recursion that of the outermost one\n\n"));
  for (const uint32_t number : summary.picture.tree.order) {
    const std::vector<uint32_t>& threads = summary.threads[number];
    if (threads.empty()) {
      continue;
    }
    const ProcessInfo& process = summary.picture.info(number);
    const FunctionTotals sum = summary.sum_of(threads);
    const std::string& folder = summary.folder_of_process(number);
    VTN_TRY(sink.put(fmt::format("== process {} {}: {} in {} calls\n",
                                 process.shown_pid,
                                 process.name,
                                 duration_text(sum.own_ns),
                                 grouped(sum.calls))));
    const auto callers = callers_of(model, summary.totals, threads);
    VTN_TRY(
        put_table(sink, by_function(model, summary.totals, threads), sum.own_ns, folder, &callers));
    for (const uint32_t thread : threads) {
      if (threads.size() == 1) {
        break;  // the same once more
      }
      const ThreadTotals& of = summary.totals.threads[thread];
      VTN_TRY(sink.put(fmt::format(
          "-- thread {} {}: {} in {} calls\n",
          summary.picture.shown_tid(thread),
          one_line(thread_name(model.images[model.threads[thread].image], model.threads[thread]),
                   kMostThreadNameBytes),
          duration_text(of.own_ns),
          grouped(of.calls))));
      VTN_TRY(put_table(
          sink, by_function(model, summary.totals, {thread}), of.own_ns, folder, nullptr));
    }
  }
  VTN_TRY(sink.put(left_out_text(model, summary.picture.tree, summary.clock)));
  VTN_TRY(sink.flush());
  return output.commit();
}

Status write_summary_json(const spool::Reader& spool, const WriteRequest& request) {
  Summary summary(spool);
  VTN_TRY(summary.add(request));
  const spool::Model& model = summary.model;
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  Sink sink(output);
  const spool::Totals run = spool::totals_of(model);
  VTN_TRY(sink.put(fmt::format(
      "{{\"recorded_by\":{},\"command\":{},\"calls\":{},\"slices\":{},\"lost_events\":{},"
      "\n{},\n\"processes\":[",
      json_quoted("viztracer-native " + model.version),
      json_quoted(model.command_line),
      summary.totals.calls(),
      run.calls,
      run.lost_events,
      left_out_json(model, summary.picture.tree, summary.clock))));
  bool first = true;
  for (const uint32_t number : summary.picture.tree.order) {
    const std::vector<uint32_t>& threads = summary.threads[number];
    if (threads.empty()) {
      continue;
    }
    const ProcessInfo& process = summary.picture.info(number);
    const FunctionTotals sum = summary.sum_of(threads);
    VTN_TRY(sink.put(fmt::format("{}\n{{\"pid\":{},\"name\":{},\"calls\":{},\"own_ns\":{},",
                                 first ? "" : ",",
                                 process.shown_pid,
                                 json_quoted(process.name),
                                 sum.calls,
                                 sum.own_ns)));
    first = false;
    const auto callers = callers_of(model, summary.totals, threads);
    VTN_TRY(put_functions_json(sink, by_function(model, summary.totals, threads), &callers));
    VTN_TRY(sink.put(",\n\"threads\":["));
    for (size_t i = 0; i < threads.size(); ++i) {
      const uint32_t thread = threads[i];
      const ThreadTotals& of = summary.totals.threads[thread];
      VTN_TRY(
          sink.put(fmt::format("{}\n{{\"tid\":{},\"name\":{},\"calls\":{},\"own_ns\":{},",
                               i == 0 ? "" : ",",
                               summary.picture.shown_tid(thread),
                               json_quoted(thread_name(model.images[model.threads[thread].image],
                                                       model.threads[thread])),
                               of.calls,
                               of.own_ns)));
      VTN_TRY(put_functions_json(sink, by_function(model, summary.totals, {thread}), nullptr));
      VTN_TRY(sink.put("}"));
    }
    VTN_TRY(sink.put("]}"));
  }
  VTN_TRY(sink.put("]}\n"));
  VTN_TRY(sink.flush());
  return output.commit();
}

}  // namespace vtn::report
