// SPDX-License-Identifier: Apache-2.0
#include "collector/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "session/settings.h"
#include "spool/clock_map.h"

namespace vtn::collector {

namespace {

constexpr int kSpoolLookMs = 10;
constexpr int kSpoolWaitMs = 5000;  // for a spool that is being written
constexpr char kSpoolInfix[] = ".vtn-";

spool::FileHeader new_file_header(ClockKind clock) {
  spool::FileHeader header = spool::file_header(clock);
  if (getrandom(&header.trace_id, sizeof(header.trace_id), 0) < 0) {
    header.trace_id = static_cast<uint64_t>(getpid());
  }
  header.created_realtime_ns = spool::read_clock_triple(ClockKind::kMonotonic).realtime_ns;
  return header;
}

Result<std::unique_ptr<spool::Writer>> start_writer(UniqueFd fd,
                                                    ClockKind clock,
                                                    const std::string& command_line,
                                                    const std::string& version,
                                                    const std::vector<std::string>& told) {
  VTN_ASSIGN(fd, above_standard(std::move(fd)));
  (void)flock(fd.get(), LOCK_EX | LOCK_NB);  // for open_finished_spool; until it is closed
  VTN_ASSIGN(auto spool, spool::Writer::start(std::move(fd), new_file_header(clock)));
  const spool::RunFrame frame = {static_cast<uint32_t>(command_line.size()),
                                 static_cast<uint32_t>(version.size())};
  VTN_TRY(spool->append_struct(spool::FrameKind::kRun, frame, command_line + version));
  if (!told.empty()) {
    std::string body;
    for (const std::string& one : told) {
      body += one + '\0';
    }
    VTN_TRY(spool->append(spool::FrameKind::kSettings, body));
  }
  return spool;
}

}  // namespace

Result<SpoolFile> begin_spool(const session::Session& session,
                              const std::string& output,
                              const std::string& command_line,
                              const std::string& version) {
  std::string folder = folder_of(output);
  struct stat info = {};
  if (stat(output.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    folder = "/tmp";  // beside a device is no place for files
  }
  std::string path = fmt::format("{}/.{}{}XXXXXX", folder, name_of(output), kSpoolInfix);
  UniqueFd fd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd) {
    return fail_errno(fmt::format("cannot create a file in {}", folder));
  }
  std::vector<std::string> told;
  if (auto settings = read_file(session.file(session::kSettingsFileName))) {
    told = session::settings_with(*settings, VTN_SETTING_TOLD).value_or(told);
  }
  auto spool = start_writer(std::move(fd), session::clock_of(session), command_line, version, told);
  if (!spool) {
    (void)unlink(path.c_str());
    return tl::unexpected<Error>(std::move(spool).error());
  }
  const std::string link = session.file(session::kSpoolLinkName);
  (void)unlink(link.c_str());
  if (symlink(path.c_str(), link.c_str()) != 0) {
    log_debug("cannot create a link in %s", session.folder.c_str());
  }
  return SpoolFile{std::move(path), std::move(*spool)};
}

// The collector of a killed run takes what is in the arena before it ends: until then its spool is
// only half of it. (Where the file system has no locks nobody waits.)
Result<UniqueFd> open_finished_spool(const std::string& path) {
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  for (int waited_ms = 0; flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
       waited_ms += kSpoolLookMs) {
    if (waited_ms >= kSpoolWaitMs) {
      return fail(fmt::format("{} is still being written: try again when its run has ended", path));
    }
    const struct timespec look = {0, kSpoolLookMs * 1'000'000};
    (void)nanosleep(&look, nullptr);
  }
  return fd;
}

// Only what we made ourselves may be removed after a recovery.
bool is_spool_name(const std::string& path) {
  const std::string name = name_of(path);
  return name.size() > 12 && name[0] == '.' && name.rfind(kSpoolInfix) == name.size() - 11;
}

}  // namespace vtn::collector
