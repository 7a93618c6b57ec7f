// SPDX-License-Identifier: Apache-2.0
#include "importer/import.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "importer/facts.h"
#include "importer/intake.h"
#include "importer/json/document.h"
#include "importer/page/page.h"
#include "importer/perfetto/proto.h"
#include "importer/perfetto/trace.h"
#include "importer/recording.h"

namespace vtn::importer {

namespace {

constexpr size_t kSniffBytes = 4096;

enum class Format { kNone, kGzip, kJson, kPage, kPerfetto };

// The next byte that is no space, and the one behind it; zeros at the end.
std::pair<char, char> first_letters(std::string_view head) {
  const auto skip = [&] {
    head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
    const char letter = head.empty() ? '\0' : head.front();
    head.remove_prefix(head.empty() ? 0 : 1);
    return letter;
  };
  const char first = skip();
  return {first, skip()};
}

// A packet of 60 bytes begins a trace with a new line and a '<', too.
bool is_html(std::string_view head) {
  constexpr std::string_view kElement = "<html";
  head.remove_prefix(head.find('<'));
  return head.starts_with("<!") || head.starts_with("<?") ||
         (head.size() >= kElement.size() &&
          strncasecmp(head.data(), kElement.data(), kElement.size()) == 0);
}

// By how it begins.
Format format_of(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) {
    return Format::kGzip;
  }
  const auto [first, second] = first_letters(head);
  if ((first == '{' && (second == '"' || second == '}')) ||
      (first == '[' && (second == '{' || second == ']' || second == '\0'))) {
    return Format::kJson;
  }
  if (first == '<' && is_html(head)) {
    return Format::kPage;
  }
  // A packet of a trace, and in it a field that has a number and a type.
  ProtoReader from(head);
  ProtoField field;
  if (head.size() > 2 && head.front() == '\x0a' &&
      (from.next(field) || head.size() == kSniffBytes)) {
    return Format::kPerfetto;
  }
  return Format::kNone;
}

// Of what is compressed, where it is.
Result<Format> find_format(int fd, const std::string& path) {
  char head[kSniffBytes];
  VTN_ASSIGN(const size_t got, pread_all(fd, head, sizeof(head), 0));
  const Format format = format_of({head, got});
  if (format != Format::kGzip) {
    return format;
  }
  VTN_ASSIGN(UniqueFd again, above_standard(UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0))));
  Format inside = Format::kNone;
  {
    ByteSource source(std::move(again), path);
    VTN_ASSIGN(const size_t unpacked, source.read(head, sizeof(head)));
    inside = format_of({head, unpacked});
  }
  if (lseek(fd, 0, SEEK_SET) != 0) {
    return fail_errno("cannot read " + path + " twice");
  }
  return inside;
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
  if (facts.overflow && !facts.own) {
    intake.remarks.emplace_back("older events were lost while it was recorded, it says");
  }
  Recording recording(
      writer, intake, facts, made.what.empty() ? name : fmt::format("{}, of {}", name, made.what));
  VTN_TRY(recording.write(request.go_on));
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
  VTN_ASSIGN(const Format format, find_format(fd.get(), request.path));
  if (format == Format::kNone || format == Format::kGzip) {
    return fail(fmt::format(
        "{} is neither a recording nor a trace that can be imported: what it begins with is none",
        request.path));
  }
  VTN_ASSIGN(UniqueFd file, unnamed_file(request.folder));
  VTN_ASSIGN(UniqueFd reading, above_standard(UniqueFd(fcntl(file.get(), F_DUPFD_CLOEXEC, 0))));
  VTN_ASSIGN(const auto writer, spool::Writer::start(std::move(file), new_header()));
  Intake intake(request.folder);
  intake.source = [&](const std::string& path, std::string_view text) {
    return writer->append_source(path, text);
  };
  Facts facts;
  Imported made;
  if (format == Format::kPage) {
    VTN_TRY(read_page(
        std::move(fd), request.path, intake, facts, made.what, request.partial, request.go_on));
  } else {
    ByteSource source(std::move(fd), request.path, request.go_on);
    VTN_TRY(format == Format::kJson
                ? read_json_trace(source, intake, facts, made.what, request.partial)
                : read_perfetto_trace(source, intake, facts, made.what, request.partial));
  }
  VTN_TRY(write(request, intake, facts, *writer, made));
  made.recording = spool::Reader::adopt(std::move(reading), request.path, writer->take_model());
  return made;
}

}  // namespace vtn::importer
