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
#include "spool/clock_map.h"

namespace vtn::collector {

namespace {

constexpr int kSpoolLookMs = 10;
constexpr int kSpoolWaitMs = 5000;  // for a spool that is being written
constexpr char kSpoolInfix[] = ".vtn-";

}  // namespace

Result<SpoolFile> create_spool_file(const std::string& output) {
  std::string folder = folder_of(output);
  struct stat info = {};
  if (stat(output.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    folder = "/tmp";  // beside a device is no place for files
  }
  SpoolFile spool;
  spool.path = fmt::format("{}/.{}{}XXXXXX", folder, name_of(output), kSpoolInfix);
  const int fd = mkostemp(spool.path.data(), O_CLOEXEC);
  if (fd < 0) {
    return fail_errno(fmt::format("cannot create a file in {}", folder));
  }
  VTN_ASSIGN(spool.fd, above_standard(UniqueFd(fd)));
  (void)flock(spool.fd.get(), LOCK_EX | LOCK_NB);  // for lock_spool; until it is closed
  return spool;
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

spool::FileHeader new_file_header(ClockKind clock) {
  spool::FileHeader header = spool::file_header(clock);
  if (getrandom(&header.trace_id, sizeof(header.trace_id), 0) < 0) {
    header.trace_id = static_cast<uint64_t>(getpid());
  }
  header.created_realtime_ns = spool::read_clock_triple(ClockKind::kMonotonic).realtime_ns;
  return header;
}

Status write_run_frame(spool::Writer& spool,
                       const std::string& command_line,
                       const std::string& version) {
  const spool::RunFrame frame = {static_cast<uint32_t>(command_line.size()),
                                 static_cast<uint32_t>(version.size())};
  return spool.append_struct(spool::FrameKind::kRun, frame, command_line + version);
}

}  // namespace vtn::collector
