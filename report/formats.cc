// SPDX-License-Identifier: Apache-2.0
#include "report/formats.h"

#include "report/html/writer.h"
#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "report/summary/flame_graph.h"
#include "report/summary/folded.h"
#include "report/summary/markdown.h"
#include "report/summary/pprof.h"
#include "report/summary/pstats.h"
#include "report/summary/speedscope.h"
#include "report/summary/writer.h"

namespace vtn::report {

namespace {

constexpr std::string_view kGzip = ".gz";

constexpr char kJsonViewers[] = "at https://ui.perfetto.dev (Open trace file), or with vizviewer";
constexpr char kPerfetto[] = "at https://ui.perfetto.dev (Open trace file)";

constexpr char kStacks[] = "at https://www.speedscope.app, or with flamegraph.pl";
constexpr char kBrowser[] = "with any browser";
constexpr char kSpeedscope[] = "at https://www.speedscope.app";
constexpr char kPprof[] = "with go tool pprof";
constexpr char kPstats[] = "with snakeviz, or with python3 -m pstats";

// Perfetto's UI is quick with so many; with three times as many it has run out of memory.
constexpr uint64_t kMostPerfettoRows = 5'000'000;

constexpr Format kFormats[] = {
    {".html",
     false,
     "a page that shows it, alone in one file",
     kBrowser,
     true,
     write_html,
     kMostPageRows,
     true},
    {".json",
     true,
     "VizTracer's: for Perfetto, vizviewer, scripts",
     kJsonViewers,
     true,
     write_json,
     kMostPerfettoRows},
    {".pftrace",
     true,
     "Perfetto's own: smaller",
     kPerfetto,
     true,
     write_perfetto,
     kMostPerfettoRows},
    {".perfetto-trace", true, "the same", kPerfetto, true, write_perfetto, kMostPerfettoRows},
    {".txt",
     false,
     "where the time went, by function and caller",
     nullptr,
     false,
     write_summary_text},
    {".md", false, "the same in 60 lines, for a pull request", nullptr, false, write_markdown},
    {".summary.json", false, "the same for scripts", nullptr, false, write_summary_json},
    {".folded",
     false,
     "the same by stack, for flamegraph.pl, inferno, speedscope",
     kStacks,
     false,
     write_folded},
    {".svg", false, "a flame graph", kBrowser, false, write_flame_graph},
    {".speedscope.json",
     false,
     "the same for speedscope, by thread",
     kSpeedscope,
     false,
     write_speedscope},
    {".pb", true, "the same for go tool pprof", kPprof, false, write_pprof},
    {".pstats", false, "the same for python3 -m pstats, snakeviz", kPstats, false, write_pstats},
    {".vtn", false, "what was recorded, for --convert", nullptr, true, nullptr},
};

}  // namespace

Progress part_of(const Progress& whole, uint64_t part, uint64_t parts) {
  if (!whole) {
    return {};
  }
  return [&whole, part, parts](uint64_t done, uint64_t total) {
    return whole(done + part * total, parts * total);
  };
}

std::span<const Format> formats() { return kFormats; }

const Format* format_of_name(std::string_view name, bool& gzip) {
  gzip = name.ends_with(kGzip);
  if (gzip) {
    name.remove_suffix(kGzip.size());
  }
  const Format* best = nullptr;
  for (const Format& format : kFormats) {
    const std::string_view extension = format.extension;
    if (name.ends_with(extension) && (format.can_gzip || !gzip) &&
        (best == nullptr || extension.size() > std::string_view(best->extension).size())) {
      best = &format;
    }
  }
  return best;
}

const Format& spool_format() {
  for (const Format& format : kFormats) {
    if (format.write == nullptr) {
      return format;
    }
  }
  __builtin_unreachable();
}

std::vector<std::string> known_extensions() {
  std::vector<std::string> all;
  for (const Format& format : kFormats) {
    all.emplace_back(format.extension);
    if (format.can_gzip) {
      all.push_back(std::string(format.extension) + std::string(kGzip));
    }
  }
  return all;
}

}  // namespace vtn::report
