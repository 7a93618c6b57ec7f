// SPDX-License-Identifier: Apache-2.0
#include "report/write_report.h"

#include <memory>

#include "base/file.h"
#include "report/fold/recording.h"
#include "report/output_file.h"
#include "report/summary/totals.h"

namespace vtn::report {

namespace {

constexpr uint64_t kParts = 3;  // sums, folds, the file

Result<std::unique_ptr<spool::Reader>> folded(const spool::Reader& spool,
                                              uint64_t most_rows,
                                              const WriteRequest& request) {
  FoldRequest fold;
  fold.most_rows = most_rows;
  fold.workers = request.settings.workers;
  fold.progress = part_of(request.progress, 1, kParts);
  if (request.totals != nullptr) {
    fold.below_ns = request.totals->durations.threshold_ns(most_rows);
  } else {
    VTN_ASSIGN(
        const CallTotals totals,
        add_up(spool, AlsoAdd::kDurations, fold.workers, part_of(request.progress, 0, kParts)));
    fold.below_ns = totals.durations.threshold_ns(most_rows);
  }
  const std::string folder =
      request.path == kStandardOutput ? temporary_folder() : folder_of(request.path);
  return fold_recording(spool, fold, folder);
}

}  // namespace

bool will_fold(const spool::Reader& spool, const Format& format, const ReportSettings& settings) {
  const uint64_t most_rows = settings.row_limit(format.most_rows);
  return most_rows != 0 && spool::totals_of(spool.model()).calls > most_rows;
}

Status write_report(const spool::Reader& spool, const Format& format, const WriteRequest& request) {
  if (format.folds_itself || !will_fold(spool, format, request.settings)) {
    return format.write(spool, request);
  }
  const uint64_t most_rows = request.settings.row_limit(format.most_rows);
  VTN_ASSIGN(const auto recording, folded(spool, most_rows, request));
  WriteRequest of_folded = request;
  of_folded.progress = part_of(request.progress, 2, kParts);
  VTN_TRY(format.write(*recording, of_folded));
  if (request.folding != nullptr) {
    const spool::FoldedInfo& sums = recording->model().folded;
    *request.folding = {sums.below_ns, sums.calls, sums.folds};
  }
  return {};
}

}  // namespace vtn::report
