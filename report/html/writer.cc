// SPDX-License-Identifier: Apache-2.0
#include "report/html/writer.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>

#include "base/file.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "report/html/block_pipe.h"
#include "report/html/tables.h"
#include "report/html/thread_rows.h"
#include "report/html/window.h"
#include "report/in_order.h"
#include "report/output_file.h"
#include "report/process_names.h"
#include "report/source_files.h"
#include "report/summary/stacks.h"
#include "report/text.h"
#include "viewer/page/page.h"

namespace vtn::report {

namespace {

// A whole screen of boxes and more, in a block that is read in a few milliseconds.
constexpr uint64_t kOverviewRows = 20'000;
constexpr size_t kSourceBlockBytes = size_t{4} << 20;
constexpr uint64_t kPasses = 2;

class Page {
 public:
  Page(const spool::Reader& spool, const WriteRequest& request)
      : spool_(spool),
        model_(spool.model()),
        request_(request),
        clock_(static_cast<ClockKind>(model_.header.clock_kind), model_.clock),
        picture_(model_, clock_, request.settings.python_only),
        threads_(picture_) {
    offset_ns_ = page_start_ns(picture_, threads_);
  }

  Status write() {
    VTN_ASSIGN(OutputFile output, OutputFile::create(request_.path));
    CallTotals own_totals;
    if (request_.totals == nullptr) {
      VTN_ASSIGN(own_totals,
                 add_up(spool_,
                        AlsoAdd::kDurationsAndStacks,
                        request_.settings.workers,
                        part_of(request_.progress, 0, kPasses)));
    }
    const CallTotals& totals = request_.totals != nullptr ? *request_.totals : own_totals;
    const PageFunctions functions(picture_, totals);
    const unsigned workers =
        request_.settings.workers != 0 ? request_.settings.workers : worker_count();
    VTN_ASSIGN(const std::unique_ptr<BlockPipe> pipe,
               BlockPipe::open(folder_of(request_.path), workers));
    CallBlocks calls(*pipe);
    PageRun run{.picture = picture_,
                .functions = functions,
                .offset_ns = offset_ns_,
                .page_thread = threads_.page_thread,
                .pipe = *pipe,
                .calls = calls,
                .first_span_track = static_cast<uint32_t>(threads_.model_thread.size())};
    choose_thresholds(totals.durations, run);
    VTN_TRY(put_calls(run));
    VTN_TRY(finish_spans(run));
    VTN_TRY(calls.flush());
    VTN_TRY(put_stacks(totals, functions, *pipe));
    PageTables tables{.picture = picture_,
                      .functions = functions,
                      .threads = threads_,
                      .totals = totals,
                      .offset_ns = offset_ns_,
                      .sets = run.sets.json()};
    {
      MutexLock lock(run.mutex);
      tables.folded_calls = run.folded_of_function;
      tables.rows = run.rows_of_thread;
      tables.span_tracks = run.tracks;
      tables.span_sums = run.sums_of_span;
    }
    list_files(tables);
    if (request_.settings.with_source) {
      VTN_TRY(put_sources(tables, *pipe));
    }
    VTN_TRY(pipe->finish());
    VTN_TRY(put_page(run, tables, *pipe, output));
    if (request_.folding != nullptr && run.fold_below_ns != 0) {
      *request_.folding = {run.fold_below_ns, run.folded_calls, run.folds};
    }
    return output.commit();
  }

 private:
  void choose_thresholds(const Durations& durations, PageRun& run) const {
    if (const uint64_t most = request_.settings.row_limit(kMostPageRows); most != 0) {
      run.fold_below_ns = durations.threshold_ns(most);
      run.most_pins = most_pins(most);
    }
    const uint64_t coarse_ns = durations.threshold_ns(kOverviewRows);
    run.overview_below_ns = coarse_ns > run.fold_below_ns ? coarse_ns : 0;
  }

  Status put_calls(PageRun& run) {
    ThreadPasses passes;
    Mutex mutex;
    Status status;
    passes.begin = [&](uint32_t thread) -> std::unique_ptr<ThreadPass> {
      if (threads_.page_thread[thread] == kNothing) {
        return std::make_unique<Nothing>();
      }
      return std::make_unique<ThreadRows>(run, thread);
    };
    passes.end = [&](uint32_t thread, ThreadPass& pass) {
      if (threads_.page_thread[thread] == kNothing) {
        return;
      }
      if (Status one = static_cast<ThreadRows&>(pass).finish(); !one) {
        MutexLock lock(mutex);
        status = std::move(one);
      }
    };
    VTN_TRY(pass_in_order(
        spool_, request_.settings.workers, part_of(request_.progress, 1, kPasses), passes));
    return status;
  }

  // A thread that is not shown.
  class Nothing final : public ThreadPass {
   public:
    Status take(const spool::FrameInfo& /*info*/, const spool::DecodedFrame& /*frame*/) override {
      return {};
    }
  };

  Status put_stacks(const CallTotals& totals, const PageFunctions& functions, BlockPipe& pipe) {
    for (size_t page_thread = 0; page_thread < threads_.model_thread.size(); ++page_thread) {
      const uint32_t thread = threads_.model_thread[page_thread];
      const uint32_t image = model_.threads[thread].image;
      const ThreadStacks& stacks = totals.threads[thread].stacks;
      if (stacks.empty()) {
        continue;
      }
      std::string callers;
      std::string numbers;
      std::string calls;
      std::string own;
      for (const Stack& stack : stacks) {
        const char* const comma = callers.empty() ? "" : ",";
        callers += comma;
        callers += stack.caller == kNoStack ? "-1" : std::to_string(stack.caller);
        numbers += comma;
        numbers += stack.function == kOtherFunctions
                       ? "-1"
                       : std::to_string(functions.number_of(image, stack.function));
        calls += comma + std::to_string(stack.calls);
        own += comma + std::to_string(stack.own_ns);
      }
      VTN_TRY(pipe.put("stacks",
                       fmt::format(" data-thread=\"{}\"", page_thread),
                       fmt::format("{{\"thread\":{},\n\"caller\":[{}],\n\"function\":[{}],"
                                   "\n\"calls\":[{}],\n\"own_ns\":[{}]}}\n",
                                   page_thread,
                                   callers,
                                   numbers,
                                   calls,
                                   own)));
    }
    return {};
  }

  void list_files(PageTables& tables) {
    for (const PageFunctions::Row& row : tables.functions.rows()) {
      if (row.function == nullptr || row.function->kind != FunctionKind::kPython ||
          row.function->file.empty()) {
        tables.file_of.push_back(-1);
        continue;
      }
      const auto [found, is_new] =
          file_numbers_.try_emplace(row.function->file, tables.files.size());
      if (is_new) {
        tables.files.push_back(row.function->file);
      }
      tables.file_of.push_back(static_cast<int64_t>(found->second));
    }
    tables.source_blocks.assign(tables.files.size(), -1);
  }

  Status put_sources(PageTables& tables, BlockPipe& pipe) {
    std::string block;
    std::vector<size_t> files;  // in it
    const auto flush = [&]() -> Status {
      if (!files.empty()) {
        VTN_ASSIGN(const uint32_t number, pipe.put("sources", "", "{" + block + "}"));
        for (const size_t file : files) {
          tables.source_blocks[file] = number;
        }
        block.clear();
        files.clear();
      }
      return {};
    };
    VTN_TRY(
        visit_source_files(spool_, [&](const std::string& file, const std::string& text) -> Status {
          const auto found = file_numbers_.find(file);
          if (found == file_numbers_.end()) {
            return {};  // none of its functions was called
          }
          block += fmt::format(
              "{}\"{}\":{}", files.empty() ? "" : ",\n", found->second, json_quoted(text));
          files.push_back(found->second);
          return block.size() < kSourceBlockBytes ? Status() : flush();
        }));
    return flush();
  }

  std::string meta(const PageRun& run, int overview_elements, const BlockPipe& pipe) const {
    const spool::Totals totals = spool::totals_of(model_);
    uint64_t end_ns = offset_ns_;
    for (const uint32_t process : picture_.order) {
      end_ns = std::max(end_ns, picture_.processes[process].end_ns);
    }
    for (const uint32_t thread : threads_.model_thread) {
      end_ns = std::max(end_ns, picture_.thread_end_ns(thread));
    }
    const std::string title =
        picture_.order.empty() ? model_.command_line : picture_.info(picture_.order.front()).name;
    return fmt::format(
        "{{\"format\":2,\"version\":{},\"title\":{},\"command\":{},"
        "\n\"start_unix_ns\":\"{}\",\"span_ns\":{},\"exit\":{},"
        "\n\"calls\":{},\"kept_calls\":{},\"folded_calls\":{},\"folded_values\":{},\"rows\":{},"
        "\"fold_below_ns\":{},"
        "\n\"lost_events\":{},\"complete\":{},\"served\":{},"
        "\n\"blocks\":{{\"overview\":{},\"calls\":{},\"values\":{},\"marks\":{},\"stacks\":{},"
        "\"sources\":{}}},\n\"data_bytes\":{}}}",
        json_quoted(model_.version),
        json_quoted(title),
        json_quoted(model_.command_line),
        clock_.realtime_base_ns() + offset_ns_,
        end_ns - offset_ns_,
        exit_json((model_.run_end.flags & spool::kRunHasStatus) != 0, model_.run_end.wait_status),
        run.kept_calls + run.folded_calls,
        run.kept_calls.load(),
        run.folded_calls.load(),
        run.folded_values.load(),
        run.rows.load(),
        run.fold_below_ns,
        totals.lost_events,
        !model_.truncated && spool::spool_error_text(model_.run_end).empty(),
        request_.settings.served ? json_quoted(page_name(spool_)) : "false",
        overview_elements,
        pipe.count("calls"),
        pipe.count("values"),
        pipe.count("marks"),
        pipe.count("stacks"),
        pipe.count("sources"),
        pipe.size());
  }

  // A page in a file reaches nothing at all; one with a server behind it reaches that.
  std::string head() const {
    constexpr std::string_view kReachesNothing = "connect-src ";
    std::string text(page::page_head());
    if (request_.settings.served) {
      text.insert(text.find(kReachesNothing) + kReachesNothing.size(), "'self' ");
    }
    return text;
  }

  Status put_page(PageRun& run,
                  const PageTables& tables,
                  const BlockPipe& pipe,
                  OutputFile& output) const {
    GzipCompressor gzip;
    MutexLock lock(run.mutex);
    VTN_TRY(output.append(head()));
    VTN_TRY(output.append("<script type=\"application/json\" id=\"vtn-meta\">" +
                          json_in_script(meta(run, run.overview.empty() ? 0 : 1, pipe)) +
                          "</script>\n"));
    VTN_TRY(output.append(page::page_middle()));
    VTN_ASSIGN(const std::string names, page_element(gzip, "tables", "", tables.json()));
    VTN_TRY(output.append(names));
    if (!run.overview.empty()) {
      VTN_ASSIGN(const std::string blocks, page_element(gzip, "overview-0", "", run.overview));
      VTN_TRY(output.append(blocks));
    }
    VTN_TRY(output.append(page::page_code()));
    VTN_TRY(output.append("<pre id=\"vtn-functions\">" +
                          html_text(page_function_text(picture_, tables.functions)) + "</pre>\n"));
    VTN_TRY(pipe.copy_to(output));
    VTN_TRY(output.append("<script type=\"application/x-vtn\" id=\"vtn-end\"></script>\n"));
    return output.append(page::page_tail());
  }

  const spool::Reader& spool_;
  const spool::Model& model_;
  const WriteRequest& request_;
  const spool::ClockMap clock_;
  const Picture picture_;
  const PageThreads threads_;
  std::unordered_map<std::string, size_t> file_numbers_;
  uint64_t offset_ns_ = 0;  // of the report's start
};

}  // namespace

Status write_html(const spool::Reader& spool, const WriteRequest& request) {
  return Page(spool, request).write();
}

}  // namespace vtn::report
