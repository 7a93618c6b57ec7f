// SPDX-License-Identifier: Apache-2.0
#include "importer/import.h"

#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "importer/facts.h"
#include "importer/intake.h"
#include "importer/json/document.h"
#include "importer/recording.h"

namespace vtn::importer {

namespace {

constexpr size_t kSniffBytes = 4096;

enum class Format { kNone, kGzip, kJson };

// By how it begins.
Format format_of(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) {
    return Format::kGzip;
  }
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first != head.npos && (head[first] == '{' || head[first] == '[')) {
    return Format::kJson;
  }
  return Format::kNone;
}

spool::FileHeader new_header() {
  spool::FileHeader header = spool::file_header(ClockKind::kMonotonic);
  if (getrandom(&header.trace_id, sizeof(header.trace_id), 0) != sizeof(header.trace_id)) {
    header.trace_id = static_cast<uint64_t>(getpid());
  }
  struct timespec now = {};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  header.created_realtime_ns =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
  return header;
}

// What the file is made of is understood, and written as a recording.
Status write(const ImportRequest& request,
             Intake& intake,
             Facts& facts,
             spool::Writer& writer,
             Imported& made) {
  VTN_TRY(intake.store.finish());
  const std::string name = name_of(request.path);
  if (facts.command.empty()) {
    facts.command = "(imported from " + name + ")";
  }
  if (!facts.own) {
    facts.version = request.version + (made.what.empty() ? "" : ", imported from " + made.what);
  }
  Recording recording(
      writer, intake, facts, made.what.empty() ? name : fmt::format("{}, of {}", name, made.what));
  VTN_TRY(recording.write());
  made.remarks = remarks_on(intake, recording.counts());
  return {};
}

}  // namespace

bool can_import(int fd) {
  char head[kSniffBytes];
  const size_t got = pread_all(fd, head, sizeof(head), 0).value_or(0);
  return format_of({head, got}) != Format::kNone;
}

Result<Imported> import_file(UniqueFd fd, const ImportRequest& request) {
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) {
    return fail_errno(fmt::format("cannot look at {}", request.path));
  }
  if (S_ISDIR(info.st_mode)) {
    return fail(fmt::format("{} is a folder, not a recording", request.path));
  }
  VTN_ASSIGN(UniqueFd file, nameless_file(request.folder));
  VTN_ASSIGN(UniqueFd reading, above_standard(UniqueFd(dup(file.get()))));
  VTN_ASSIGN(const auto writer, spool::Writer::start(std::move(file), new_header()));
  ByteSource source(std::move(fd), request.path);
  Intake intake(request.folder);
  intake.source = [&](const std::string& path, std::string_view text) {
    return writer->append_source(path, text);
  };
  Facts facts;
  Imported made;
  VTN_TRY(read_json_trace(source, intake, facts, made.what, request.partial));
  VTN_TRY(write(request, intake, facts, *writer, made));
  made.recording = spool::Reader::adopt(std::move(reading), request.path, writer->take_model());
  return made;
}

}  // namespace vtn::importer
