// SPDX-License-Identifier: Apache-2.0
//
// The formats a report can have. A writer is one row here: file names, a line of help, a function.
// Everything else follows from the table: what `-o` accepts, what it proposes for a slip, the help.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::report {

struct CallTotals;
struct Format;

// A report that is wanted.
struct Output {
  std::string path;  // absolute
  const Format* format = nullptr;
  bool gzip = false;
};

// What reports are to show and hold, the same for all of a run. A new setting is a field here and
// its use in a writer.
struct ReportSettings {
  std::vector<Output> outputs;
  bool python_only = false;  // draw nothing of processes that ran no Python
  bool keep_raw = false;     // keep the spool beside the first output, as a .vtn
  // Where a format has a row for each call: calls are folded so that there are about so many.
  uint64_t most_rows = 0;   // 0: what the format takes
  bool full = false;        // fold nothing
  bool with_source = true;  // .html: the text of the files that functions are from
  bool served = false;      // .html: there is a server behind it, which tells of every call
  unsigned summary_lines = 10;
  int verbosity = 1;     // 0: errors only
  unsigned workers = 0;  // 0: as many as the machine has

  // How many rows a report has at most whose format takes so many. 0: any number, as does a format
  // that takes 0.
  uint64_t row_limit(uint64_t of_format) const {
    return full || of_format == 0 ? 0 : most_rows != 0 ? most_rows : of_format;
  }
};

// Done and total, in calls; on the thread that asked for the report, a few times a second.
// False: give up (the writer fails with ECANCELED).
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// That of one part, from 0, of a way in so many equal ones. Borrows the whole.
Progress part_of(const Progress& whole, uint64_t part, uint64_t parts);

// What became of calls that were too short for a report of so many.
struct Folding {
  uint64_t below_ns = 0;  // 0: nothing is folded
  uint64_t calls = 0;     // that are in folds
  uint64_t folds = 0;
};

// What one writer is asked for.
struct WriteRequest {
  std::string path;
  bool gzip = false;
  ReportSettings settings;
  Progress progress;  // may be empty
  // Of the recording, with durations, and for a format that folds itself with stacks; null: not
  // known yet.
  const CallTotals* totals = nullptr;
  Folding* folding = nullptr;  // told there, unless it is null
};

struct Format {
  const char* extension;  // with its dot; names of one format stand in rows of their own
  bool can_gzip;          // EXTENSION.gz as well
  const char* help;       // what it is, for the list of formats
  const char* viewer;     // how a person opens it: "at ..."; null: with any editor, or not at all
  bool has_each_call;     // else it has sums
  // Null: the spool itself, which is saved, not written.
  Status (*write)(const spool::Reader& spool, const WriteRequest& request);
  uint64_t most_rows = 0;     // beyond that, calls are folded (write_report.h); 0: never
  bool folds_itself = false;  // the writer does so
};

std::span<const Format> formats();

// The format that a file's name asks for, by its longest extension; null: none does.
const Format* format_of_name(std::string_view name, bool& gzip);

// The format of .vtn.
const Format& spool_format();

// ".json, .json.gz, .pftrace, ..."
std::vector<std::string> known_extensions();

}  // namespace vtn::report
