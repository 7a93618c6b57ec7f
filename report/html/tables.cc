// SPDX-License-Identifier: Apache-2.0
#include "report/html/tables.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "report/left_out.h"
#include "report/pieces.h"
#include "report/summary/text.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kMostFunctionsAsText = 200;

// A JSON array, one piece after the other.
class List {
 public:
  void add(const std::string& json) { text_ += (text_.empty() ? "" : ",") + json; }
  std::string text() const { return "[" + text_ + "]"; }

 private:
  std::string text_;
};

class Writer {
 public:
  explicit Writer(const PageTables& tables)
      : tables_(tables), picture_(tables.picture), model_(tables.picture.model) {
    number_of_process_.resize(picture_.processes.size(), -1);
    for (size_t i = 0; i < picture_.order.size(); ++i) {
      number_of_process_[picture_.order[i]] = static_cast<int64_t>(i);
    }
  }

  std::string functions() const {
    List names;
    List files;
    List lines;
    List kinds;
    List calls;
    List own;
    List total;
    List folded;
    const auto add = [&](const std::string& name,
                         int64_t file,
                         uint32_t line,
                         PageFunctionKind kind,
                         const FunctionTotals& sums,
                         uint64_t folded_calls) {
      names.add(json_quoted(name));
      files.add(std::to_string(file));
      lines.add(std::to_string(line));
      kinds.add(std::to_string(kind));
      calls.add(std::to_string(sums.calls));
      own.add(std::to_string(sums.own_ns));
      total.add(std::to_string(sums.total_ns));
      folded.add(std::to_string(folded_calls));
    };
    const PageFunctions& functions = tables_.functions;
    uint32_t number = 0;
    for (const PageFunctions::Row& row : functions.rows()) {
      const bool python = row.function != nullptr && row.function->kind == FunctionKind::kPython;
      add(page_function_name(row.function),
          tables_.file_of[number],
          python ? row.function->line : 0,
          page_function_kind(row.function),
          row.totals,
          number < tables_.folded_calls.size() ? tables_.folded_calls[number] : 0);
      ++number;
    }
    for (const std::string& name : functions.spans()) {
      const auto found = tables_.span_sums.find(number);
      FunctionTotals sums;
      if (found != tables_.span_sums.end()) {
        sums.calls = found->second.spans;
        sums.total_ns = found->second.total_ns;
      }
      add(name, -1, 0, kPageSpan, sums, 0);
      ++number;
    }
    add(kPageHoleName, -1, 0, kPageHole, {}, 0);
    return fmt::format(
        "{{\"name\":{},\n\"file\":{},\n\"line\":{},\n\"kind\":{},\n\"calls\":{},\n\"own_ns\":{},"
        "\n\"total_ns\":{},\n\"folded_calls\":{}}}",
        names.text(),
        files.text(),
        lines.text(),
        kinds.text(),
        calls.text(),
        own.text(),
        total.text(),
        folded.text());
  }

  std::string files() const {
    List files;
    for (const std::string& file : tables_.files) {
      files.add(json_quoted(file));
    }
    return files.text();
  }

  std::string source_blocks() const {
    List blocks;
    for (const int64_t block : tables_.source_blocks) {
      blocks.add(std::to_string(block));
    }
    return blocks.text();
  }

  std::string processes() const {
    List processes;
    for (const uint32_t number : picture_.order) {
      processes.add("\n" + process(number));
    }
    return processes.text();
  }

  std::string threads() const {
    List threads;
    for (size_t at = 0; at < tables_.threads.model_thread.size(); ++at) {
      const uint32_t number = tables_.threads.model_thread[at];
      List rows;
      if (at < tables_.rows.size()) {
        for (const uint32_t count : tables_.rows[at]) {
          rows.add(std::to_string(count));
        }
      }
      const spool::ThreadInfo& thread = model_.threads[number];
      const spool::ImageInfo& image = model_.images[thread.image];
      threads.add(fmt::format(
          "\n{{\"process\":{},\"tid\":{},\"name\":{},\"names\":{},\"calls\":{},\"depth\":{},"
          "\"start_ns\":{},\"end_ns\":{},\"rows\":{}}}",
          number_of_process_[picture_.of_thread(number).number],
          picture_.shown_tid(number),
          json_quoted(thread_name(image, thread)),
          json_list(thread_names(image, thread)),
          tables_.totals.threads[number].calls,
          thread.deepest,
          since_start(picture_.clock.to_ns(thread.first_ticks)),
          since_start(picture_.thread_end_ns(number)),
          rows.text()));
    }
    for (const SpanTrack& track : tables_.span_tracks) {
      List rows;
      for (const uint32_t count : track.rows) {
        rows.add(std::to_string(count));
      }
      threads.add(fmt::format(
          "\n{{\"process\":{},\"tid\":{},\"name\":\"spans\",\"names\":[],\"calls\":0,\"depth\":{},"
          "\"start_ns\":{},\"end_ns\":{},\"rows\":{},\"spans_of\":{}}}",
          number_of_process_[picture_.of_thread(track.thread).number],
          picture_.shown_tid(track.thread),
          track.rows.size(),
          since_start(track.start_ns),
          since_start(track.end_ns),
          rows.text(),
          page_thread(track.thread)));
    }
    return threads.text();
  }

  std::string arrows() const {
    List arrows;
    for (const Picture::Arrow& arrow : picture_.arrows) {
      int64_t to_thread = -1;
      uint64_t to_ns = 0;
      if (number_of_process_[arrow.child] < 0 || number_of_process_[arrow.parent] < 0 ||
          !target_of(arrow, to_thread, to_ns)) {
        continue;
      }
      arrows.add(fmt::format(
          "\n{{\"process\":{},\"thread\":{},\"ns\":{},\"to_process\":{},\"to_thread\":{},"
          "\"to_ns\":{},\"name\":{}}}",
          number_of_process_[arrow.parent],
          arrow.thread == kNothing ? -1 : page_thread(arrow.thread),
          since_start(arrow.ns),
          number_of_process_[arrow.child],
          to_thread,
          since_start(to_ns),
          json_quoted(arrow_name(picture_, arrow))));
    }
    return arrows.text();
  }

  std::string losses() const {
    List losses;
    for (const UntoldLoss& loss : untold_losses(model_, picture_.clock)) {
      const int64_t process = number_of_process_[picture_.of_image(loss.image).number];
      if (process >= 0) {
        losses.add(fmt::format(
            "\n{{\"process\":{},\"start_ns\":{},\"end_ns\":{},\"events\":{},\"name\":{}}}",
            process,
            since_start(loss.start_ns),
            since_start(loss.end_ns),
            loss.events,
            json_quoted(loss.name)));
      }
    }
    return losses.text();
  }

  std::string left_out() const {
    const std::string text = left_out_text(model_, picture_.tree, picture_.clock);
    List lines;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      if (end != at) {
        lines.add(json_quoted(std::string_view(text).substr(at, end - at)));
      }
      at = end + 1;
    }
    return lines.text();
  }

 private:
  uint64_t since_start(uint64_t ns) const { return ns - std::min(ns, tables_.offset_ns); }

  int64_t page_thread(uint32_t thread) const {
    const uint32_t number = tables_.threads.page_thread[thread];
    return number == kNothing ? -1 : int64_t{number};
  }

  // The first thing that is drawn of the child. False: nothing is.
  bool target_of(const Picture::Arrow& arrow, int64_t& thread, uint64_t& ns) const {
    const Picture::Process& process = picture_.processes[arrow.child];
    for (const Picture::Program& program : process.programs) {
      if (!program.traced) {
        thread = -1;
        ns = program.start_ns;
        return true;
      }
      for (const uint32_t one : process.threads) {
        const spool::ThreadInfo& info = model_.threads[one];
        if (info.image == program.what.image && (info.calls != 0 || !info.open.empty())) {
          thread = page_thread(one);
          ns = std::max(picture_.clock.to_ns(info.first_ticks), arrow.ns);
          return true;
        }
      }
    }
    return false;
  }

  std::string process(uint32_t number) const {
    const ProcessInfo& info = picture_.info(number);
    const Picture::Process& drawn = picture_.processes[number];
    std::string cwd;
    uint64_t lost_events = 0;
    List notices;
    for (const uint32_t i : info.images) {
      const spool::ImageInfo& image = model_.images[i];
      cwd = image.cwd.empty() ? cwd : image.cwd;
      lost_events += image.end.lost_events;
      for (const std::string& notice : notices_of(image)) {
        notices.add(json_quoted(notice));
      }
    }
    List programs;
    for (const Picture::Program& program : drawn.programs) {
      List facts;
      for (const Remark& remark : remarks_on(picture_, number, program)) {
        facts.add(fmt::format("[\"{}\",{}]",
                              remark.key,
                              remark.kind == Remark::kText   ? json_quoted(remark.values.front())
                              : remark.kind == Remark::kList ? json_list(remark.values)
                                                             : remark.values.front()));
      }
      programs.add(fmt::format(
          "{{\"name\":{},\"start_ns\":{},\"end_ns\":{},\"open\":{},\"traced\":{},\"facts\":{}}}",
          json_quoted(program.what.name.empty() ? info.name : program.what.name),
          since_start(program.start_ns),
          since_start(program.end_ns),
          program.open,
          program.traced,
          facts.text()));
    }
    const std::string python =
        info.python_version == 0 ? "null" : json_quoted(python_version_text(info.python_version));
    return fmt::format(
        "{{\"pid\":{},\"name\":{},\"parent\":{},\"ledger\":{},\"executable\":{},\"argv\":{},"
        "\"cwd\":{},\"python\":{},\"start_ns\":{},\"end_ns\":{},\"alive\":{},\"end\":{},"
        "\"lost_events\":{},\"notices\":{},\"programs\":{}}}",
        info.shown_pid,
        json_quoted(info.name),
        drawn.parent == kNothing ? -1 : number_of_process_[drawn.parent],
        json_quoted(ledger_text(info)),
        json_quoted(info.executable),
        json_list(info.argv),
        json_quoted(cwd),
        python,
        since_start(drawn.start_ns),
        since_start(drawn.end_ns),
        !info.ended,
        json_quoted(bad_end_text(info)),
        lost_events,
        notices.text(),
        programs.text());
  }

  const PageTables& tables_;
  const Picture& picture_;
  const spool::Model& model_;
  std::vector<int64_t> number_of_process_;  // in the page, by the picture's; -1: not shown
};

}  // namespace

std::string page_function_name(const spool::FunctionInfo* function) {
  if (function == nullptr) {
    return "(functions without a name)";
  }
  return function->kind == FunctionKind::kPython ? valid_utf8(function->name)
                                                 : display_name(function, 0);
}

PageFunctionKind page_function_kind(const spool::FunctionInfo* function) {
  return function != nullptr && function->kind == FunctionKind::kPython ? kPagePython : kPageC;
}

PageThreads::PageThreads(const Picture& picture)
    : page_thread(picture.model.threads.size(), kNothing) {
  for (const uint32_t process : picture.order) {
    for (const uint32_t thread : picture.processes[process].threads) {
      page_thread[thread] = static_cast<uint32_t>(model_thread.size());
      model_thread.push_back(thread);
    }
  }
}

std::string PageTables::json() const {
  const Writer writer(*this);
  return fmt::format(
      "{{\"functions\":{},\n\"files\":{},\n\"source_block\":{},\n\"processes\":{},\n\"threads\":{},"
      "\n\"arrows\":{},\n\"losses\":{},\n\"sets\":{},\n\"left_out\":{}}}\n",
      writer.functions(),
      writer.files(),
      writer.source_blocks(),
      writer.processes(),
      writer.threads(),
      writer.arrows(),
      writer.losses(),
      sets,
      writer.left_out());
}

std::string page_function_text(const Picture& picture, const PageFunctions& functions) {
  uint64_t all_ns = 0;
  for (const PageFunctions::Row& row : functions.rows()) {
    all_ns += row.totals.own_ns;
  }
  std::string folder;
  if (!picture.model.images.empty()) {
    folder = picture.model.images.front().cwd;
  }
  std::string text = table_head() + "\n";
  for (size_t i = 0; i < std::min(functions.rows().size(), kMostFunctionsAsText); ++i) {
    const PageFunctions::Row& row = functions.rows()[i];
    text += table_line({row.function, row.totals}, all_ns, folder) + "\n";
  }
  if (functions.rows().size() > kMostFunctionsAsText) {
    text += fmt::format("and {} more\n", functions.rows().size() - kMostFunctionsAsText);
  }
  return text;
}

}  // namespace vtn::report
