// SPDX-License-Identifier: Apache-2.0
#include "report/write_report.h"

#include <memory>

#include "base/file.h"
#include "report/fold/recording.h"
#include "report/output_file.h"
#include "report/summary/totals.h"

namespace vtn::report {

namespace {

// Where the way is in three parts: sums, folds, the file.
Progress part_of(const Progress& progress, uint64_t part) {
  constexpr uint64_t kParts = 3;
  if (!progress) {
    return {};
  }
  return [&progress, part](uint64_t done, uint64_t total) {
    return progress(done + part * total, kParts * total);
  };
}

Result<std::unique_ptr<spool::Reader>> folded(const spool::Reader& spool,
                                              uint64_t most_rows,
                                              const WriteRequest& request) {
  FoldRequest fold;
  fold.most_rows = most_rows;
  fold.workers = request.settings.workers;
  fold.progress = part_of(request.progress, 1);
  if (request.totals != nullptr) {
    fold.below_ns = request.totals->durations.threshold_ns(most_rows);
  } else {
    VTN_ASSIGN(const CallTotals totals,
               add_up(spool, AlsoAdd::kDurations, fold.workers, part_of(request.progress, 0)));
    fold.below_ns = totals.durations.threshold_ns(most_rows);
  }
  const std::string folder =
      request.path == kStandardOutput ? temporary_folder() : folder_of(request.path);
  return fold_recording(spool, fold, folder);
}

}  // namespace

uint64_t most_rows_of(const Format& format, const ReportSettings& settings) {
  if (format.most_rows == 0 || settings.full) {
    return 0;
  }
  return settings.most_rows != 0 ? settings.most_rows : format.most_rows;
}

bool will_fold(const spool::Reader& spool, const Format& format, const ReportSettings& settings) {
  const uint64_t most_rows = most_rows_of(format, settings);
  return most_rows != 0 && spool::totals_of(spool.model()).calls > most_rows;
}

Status write_report(const spool::Reader& spool, const Format& format, const WriteRequest& request) {
  if (format.folds_itself || !will_fold(spool, format, request.settings)) {
    return format.write(spool, request);
  }
  const uint64_t most_rows = most_rows_of(format, request.settings);
  VTN_ASSIGN(const auto recording, folded(spool, most_rows, request));
  WriteRequest of_folded = request;
  of_folded.progress = part_of(request.progress, 2);
  VTN_TRY(format.write(*recording, of_folded));
  if (request.folding != nullptr) {
    const spool::FoldedInfo& sums = recording->model().folded;
    *request.folding = {sums.below_ns, sums.calls, sums.folds};
  }
  return {};
}

}  // namespace vtn::report
