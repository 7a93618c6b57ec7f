// SPDX-License-Identifier: Apache-2.0
#include "session/session.h"

#include <algorithm>
#include <map>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/processes.h"
#include "session/arena_provision.h"
#include "session/arena_size.h"

namespace vtn::session {

namespace {

// Empty: there is no such link.
std::string target_of(const std::string& link) {
  char target[PATH_MAX];
  const ssize_t length = readlink(link.c_str(), target, sizeof(target));
  return length > 0 && static_cast<size_t>(length) < sizeof(target)
             ? std::string(target, static_cast<size_t>(length))
             : "";
}

constexpr size_t kNameDigits = 32;

// Whether only this user can write to it.
bool is_own_folder(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
         (info.st_mode & 022) == 0;
}

// Where session folders of this user lie, below `root`. Made if absent; refused unless it is a
// folder of ours that nobody else can write to.
Result<std::string> user_folder(const std::string& root) {
  const std::string path = root + "/vtn-" + std::to_string(geteuid());
  if (mkdir(path.c_str(), 0711) == 0) {
    (void)chmod(path.c_str(), 0711);  // whatever the umask
  } else if (errno != EEXIST) {
    return fail_errno("cannot create " + path);
  }
  if (!is_own_folder(path)) {
    return fail("cannot use " + path + ": it is not a folder that only its owner can write to",
                EPERM);
  }
  return path;
}

Result<std::string> random_name() {
  unsigned char bytes[kNameDigits / 2];
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return fail_errno("cannot get random bytes");
  }
  std::string name;
  for (const unsigned char byte : bytes) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  return name;
}

bool is_session_name(const char* name) {
  return strlen(name) == kNameDigits && strspn(name, "0123456789abcdef") == kNameDigits;
}

// Takes the lock that says the run lives. Inherited over fork, freed when the last process of the
// run (supervisor, collector) has gone.
Result<UniqueFd> lock_folder(const std::string& folder) {
  VTN_ASSIGN(UniqueFd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_errno("cannot lock " + folder);
  }
  return fd;
}

// Returns the size if there is anything in it for processes of the tree, else 0.
Result<uint32_t> write_settings(const Session& session, const SessionRequest& request) {
  SettingsWriter settings;
  settings.add(request.settings);
  for (const std::string& word : request.arguments) {
    settings.add(VTN_SETTING_ARGUMENT, word);
  }
  for (const std::string& path : request.outputs) {
    settings.add(VTN_SETTING_OUTPUT, path);
  }
  VTN_ASSIGN(const UniqueFd fd,
             open_file(session.file(kSettingsFileName), O_WRONLY | O_CREAT | O_EXCL, 0600));
  VTN_TRY(write_all(fd.get(), settings.bytes()));
  return settings.for_tree() ? static_cast<uint32_t>(settings.bytes().size()) : 0;
}

Status name_host(ControlPage& control, const SessionRequest& request) {
  struct stat info;
  if (stat(request.embed_host.c_str(), &info) != 0) {
    return fail_errno("cannot use " + request.embed_host);
  }
  // The file itself, as the kernel would have named it to the program; from whatever folder.
  char* real = realpath(request.interpreter.c_str(), nullptr);
  const std::string interpreter = real != nullptr ? real : request.interpreter;
  free(real);
  const std::string text = interpreter + '\0' + request.libpython + '\0';
  if (text.size() > sizeof(control.host)) {
    return fail("cannot embed " + request.libpython + ": its path is too long");
  }
  memcpy(control.host, text.data(), text.size());
  control.host_device = info.st_dev;
  control.host_inode = info.st_ino;
  return {};
}

// As a file of the session, which may be loaded.
Status copy_into(const Session& session, const std::string& path, const char* name) {
  VTN_ASSIGN(const std::string bytes, read_file(path));
  VTN_ASSIGN(const UniqueFd copy, open_file(session.file(name), O_WRONLY | O_CREAT | O_EXCL, 0700));
  return write_all(copy.get(), bytes);
}

bool may_load_from(const std::string& folder) {
  struct statvfs info = {};
  return statvfs(folder.c_str(), &info) == 0 && (info.f_flag & ST_NOEXEC) == 0;
}

Status open_to_everybody(const Session& session) {
  for (const auto& [name, mode] : {std::pair(kControlFileName, 0666),
                                   {kArenaFileName, 0666},
                                   {kSettingsFileName, 0644},
                                   {kEntryFileName, 0755},
                                   {kShimLinkName, 0755},
                                   {kRuntimeFileName, 0755}}) {
    const bool is_link = name == kShimLinkName && session.root.empty();
    if (!is_link && chmod(session.file(name).c_str(), static_cast<mode_t>(mode)) != 0 &&
        errno != ENOENT) {
      return fail_errno("cannot open the session in " + session.folder + " to other users");
    }
  }
  return chmod(session.folder.c_str(), 0711) == 0
             ? Status()
             : Status(fail_errno("cannot open " + session.folder + " to other users"));
}

Status fill_session(Session& session, const SessionRequest& request, uint64_t arena_bytes) {
  VTN_ASSIGN(session.folder_fd, lock_folder(session.folder));
  VTN_ASSIGN(const uint32_t settings_bytes, write_settings(session, request));
  VTN_ASSIGN(session.control_fd,
             open_file(session.file(kControlFileName), O_RDWR | O_CREAT | O_EXCL, 0600));
  VTN_ASSIGN(session.arena_fd,
             open_file(session.file(kArenaFileName), O_RDWR | O_CREAT | O_EXCL, 0600));
  const ArenaGeometry geometry = tracer::arena_geometry(arena_bytes);
  // The control page is written and the process slots are touched by the program: what it may touch
  // gets memory first, for a full file system must not become a SIGBUS there. So does the header
  // table. The collector provides more slots when these become few.
  if (ftruncate(session.control_fd.get(), static_cast<off_t>(kControlBytes)) != 0) {
    return fail_errno("cannot create the control page in " + session.folder);
  }
  if (int code = posix_fallocate(session.control_fd.get(), 0, kFirstControlBytes); code != 0) {
    return fail_errno("cannot provide memory for the session in " + session.folder, code);
  }
  if (request.settings.calls.most_calls != 0) {
    if (int code = posix_fallocate(session.control_fd.get(),
                                   static_cast<off_t>(kSlotsEnd),
                                   static_cast<off_t>(kControlBytes - kSlotsEnd));
        code != 0) {
      return fail_errno("cannot provide memory for the session in " + session.folder, code);
    }
  }
  if (ftruncate(session.arena_fd.get(), static_cast<off_t>(geometry.arena_bytes)) != 0) {
    return fail_errno("cannot create the shared memory in " + session.folder);
  }
  if (int code = posix_fallocate(
          session.arena_fd.get(), 0, static_cast<off_t>(geometry.classes[0].offset_bytes));
      code != 0) {
    return fail_errno("cannot provide memory for the session in " + session.folder, code);
  }
  VTN_ASSIGN(session.control_mapping,
             Mapping::map(session.control_fd.get(), kControlBytes, Mapping::Access::kReadWrite));
  VTN_ASSIGN(
      session.arena_mapping,
      Mapping::map(session.arena_fd.get(), geometry.arena_bytes, Mapping::Access::kReadWrite));

  auto* control = static_cast<ControlPage*>(session.control_mapping.data());
  control->magic = kControlMagic;
  control->abi_version = kSessionAbiVersion;
  control->options = request.settings.option_bits();
  control->settings_bytes = settings_bytes;
  control->clock_kind = static_cast<uint32_t>(choose_clock());
  control->state = static_cast<uint32_t>(SessionState::kRecording);
  control->geometry = geometry;
  control->process_slots = kFirstProcessSlots;
  control->pid_namespace = own_pid_namespace();
  if (!request.embed_host.empty()) {
    VTN_TRY(name_host(*control, request));
  }
  session.arena = tracer::Arena(session.control_mapping.data(), session.arena_mapping.data());
  VTN_TRY(ArenaProvision(session.arena, session.arena_fd.get()).provide_first());
  // Without that one a program cannot ask for a report, and all else is as ever.
  (void)symlink(target_of("/proc/self/exe").c_str(), session.file(kLauncherLinkName).c_str());
  if (!request.entry.empty()) {
    VTN_TRY(copy_into(session, request.entry, kEntryFileName));
  }
  if (!request.root.empty()) {
    const std::string runtime = folder_of(request.shim_path) + "/" + kRuntimeFileName;
    VTN_TRY(copy_into(session, request.shim_path, kShimLinkName));
    VTN_TRY(copy_into(session, runtime, kRuntimeFileName));
  } else if (symlink(request.shim_path.c_str(), session.file(kShimLinkName).c_str()) != 0) {
    return fail_errno("cannot create a link in " + session.folder);
  }
  return request.for_everybody ? open_to_everybody(session) : Status();
}

Result<Session> create_below(const std::string& root, const SessionRequest& request) {
  if (root.find_first_of(": \t\n") != std::string::npos) {
    return fail("cannot use " + root +
                ": LD_PRELOAD has no way to name a path with ':' or a space");
  }
  if (!request.entry.empty() && !may_load_from(root)) {
    const char* where = request.root.empty() ? "" : " in the process's root";
    return fail("cannot use " + root.substr(request.root.size()) + where +
                ": no library may be loaded from there");
  }
  VTN_ASSIGN(const std::string parent, user_folder(root));
  VTN_ASSIGN(const std::string name, random_name());
  const uint64_t arena_bytes = arena_size(read_memory_limits(parent));
  if (arena_bytes < tracer::kSmallestArenaBytes) {
    return fail("cannot record in " + root + ": not enough space", ENOSPC);
  }
  Session session;
  session.folder = parent + "/" + name;
  session.root = request.root;
  if (mkdir(session.folder.c_str(), 0700) != 0) {
    return fail_errno("cannot create " + session.folder);
  }
  if (Status filled = fill_session(session, request, arena_bytes); !filled) {
    remove_session(session.folder);
    return tl::unexpected<Error>(std::move(filled).error());
  }
  return session;
}

std::vector<std::string> possible_roots() {
  std::vector<std::string> roots = {"/dev/shm"};
  if (const char* temporary = getenv("TMPDIR"); temporary != nullptr && temporary[0] == '/') {
    roots.emplace_back(temporary);
  }
  roots.emplace_back("/tmp");
  return roots;
}

bool lock_is_free(const std::string& path) {
  auto fd = open_file(path, O_RDONLY);
  return fd && flock(fd->get(), LOCK_EX | LOCK_NB) == 0;
}

// Who lives can be told of the processes of one's own pid namespace.
constexpr char kOwnNamespace[] = "/proc/self/ns/pid";

// The same file under any name of its folder.
std::string without_links(const std::string& path) {
  char* const folder = realpath(folder_of(path).c_str(), nullptr);
  std::string real = folder == nullptr ? path : std::string(folder) + "/" + name_of(path);
  free(folder);
  return real;
}

template <class Function>
void for_each_session(const std::string& parent, Function function) {
  DIR* entries = opendir(parent.c_str());
  if (entries == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(entries)) {
    if (is_session_name(entry->d_name)) {
      function(parent + "/" + entry->d_name);
    }
  }
  (void)closedir(entries);
}

// Takes those out of the list that a living process may still come back to: it was started with the
// link in its environment, or has the control page mapped (a program may write over what was its
// environment).
void drop_used_folders(std::vector<std::string>& folders) {
  DIR* entries = opendir("/proc");
  if (entries == nullptr) {
    folders.clear();  // nobody can tell
    return;
  }
  while (const dirent* entry = readdir(entries)) {
    if (strspn(entry->d_name, "0123456789") == 0 || folders.empty()) {
      continue;
    }
    const std::string process = std::string("/proc/") + entry->d_name;
    for (const char* file : {"/environ", "/maps"}) {
      const std::string text = read_file(process + file).value_or("");
      std::erase_if(folders, [&](const std::string& folder) {
        return text.find(folder + "/") != std::string::npos;
      });
    }
  }
  (void)closedir(entries);
}

Status check_geometry(const ArenaGeometry& geometry, uint64_t file_bytes) {
  // What is in the file must be what this version lays out for a file of that size: all offsets
  // and counts follow from one number, so there is nothing else to believe.
  uint64_t table_end = 0;
  uint64_t chunks = 0;
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    const ChunkClass& range = geometry.classes[c];
    const uint64_t chunk_bytes = uint64_t{kSmallestChunkBytes} << c;
    if (range.first_chunk != chunks || range.count > file_bytes / chunk_bytes ||
        range.offset_bytes > file_bytes ||
        range.count * chunk_bytes > file_bytes - range.offset_bytes ||
        range.offset_bytes % kSmallestChunkBytes != 0 ||
        (c > 0 && range.offset_bytes < table_end)) {
      return fail("the control page is damaged");
    }
    table_end = range.offset_bytes + range.count * chunk_bytes;
    chunks += range.count;
  }
  if (chunks != geometry.chunk_count || geometry.arena_bytes > file_bytes ||
      chunks * sizeof(ChunkHeader) > geometry.classes[0].offset_bytes) {
    return fail("the control page is damaged");
  }
  return {};
}

}  // namespace

ClockKind clock_of(const Session& session) {
  return load_relaxed(&session.arena.control->clock_kind) == static_cast<uint32_t>(ClockKind::kTsc)
             ? ClockKind::kTsc
             : ClockKind::kMonotonic;
}

Result<Session> create_session(const SessionRequest& request) {
  remove_left_sessions();
  std::vector<std::string> roots = {request.root + "/dev/shm", request.root + "/tmp"};
  if (request.root.empty()) {
    roots = possible_roots();
    if (!request.output_folder.empty()) {
      roots.push_back(request.output_folder);
    }
  }
  Error first;
  for (const std::string& root : roots) {
    auto session = create_below(root, request);
    if (session) {
      return session;
    }
    if (first.message.empty()) {
      first = session.error();
    }
  }
  return tl::unexpected<Error>(std::move(first));
}

Result<Session> open_session(const std::string& folder) {
  Session session;
  VTN_ASSIGN(session.folder, absolute_path(folder));
  while (session.folder.size() > 1 && session.folder.back() == '/') {
    session.folder.pop_back();
  }
  VTN_ASSIGN(session.control_fd, open_file(session.file(kControlFileName), O_RDWR | O_NOFOLLOW));
  VTN_ASSIGN(session.arena_fd, open_file(session.file(kArenaFileName), O_RDWR | O_NOFOLLOW));
  struct stat control_info;
  struct stat arena_info;
  if (fstat(session.control_fd.get(), &control_info) != 0 ||
      fstat(session.arena_fd.get(), &arena_info) != 0) {
    return fail_errno("cannot read " + session.folder);
  }
  if (static_cast<uint64_t>(control_info.st_size) < kControlBytes) {
    return fail("cannot use " + session.folder + ": its control page is cut short");
  }
  VTN_ASSIGN(session.control_mapping,
             Mapping::map(session.control_fd.get(), kControlBytes, Mapping::Access::kReadWrite));
  const auto* control = static_cast<const ControlPage*>(session.control_mapping.data());
  if (control->magic != kControlMagic) {
    return fail("cannot use " + session.folder + ": it is not the session of a run");
  }
  if (control->abi_version != kSessionAbiVersion) {
    return fail("cannot use " + session.folder + ": it was written by another version (" +
                std::to_string(control->abi_version) + ", this one reads " +
                std::to_string(kSessionAbiVersion) + ")");
  }
  const ArenaGeometry geometry = control->geometry;
  if (Status checked = check_geometry(geometry, static_cast<uint64_t>(arena_info.st_size));
      !checked) {
    return fail("cannot use " + session.folder + ": " + checked.error().message);
  }
  VTN_ASSIGN(
      session.arena_mapping,
      Mapping::map(session.arena_fd.get(), geometry.arena_bytes, Mapping::Access::kReadWrite));
  session.arena = tracer::Arena(session.control_mapping.data(), session.arena_mapping.data());
  session.arena.geometry = geometry;  // as checked, whatever is written to the page meanwhile
  return session;
}

void remove_session(const std::string& folder) {
  for (const char* name : {kShimLinkName,
                           kSpoolLinkName,
                           kLauncherLinkName,
                           kEntryFileName,
                           kRuntimeFileName,
                           kLeftLinkName,
                           kSettingsFileName,
                           kArenaFileName,
                           kControlFileName}) {
    (void)unlink((folder + "/" + name).c_str());
  }
  (void)rmdir(folder.c_str());
}

void leave_session(const std::string& folder) {
  if (symlink(target_of(kOwnNamespace).c_str(), (folder + "/" + kLeftLinkName).c_str()) != 0 &&
      errno != EEXIST) {
    remove_session(folder);
    return;
  }
  for (const char* name : {kSpoolLinkName,
                           kLauncherLinkName,
                           kEntryFileName,
                           kRuntimeFileName,
                           kSettingsFileName,
                           kArenaFileName,
                           kControlFileName}) {
    (void)unlink((folder + "/" + name).c_str());
  }
}

void remove_left_sessions() {
  const std::string own = target_of(kOwnNamespace);
  for (const std::string& root : possible_roots()) {
    const std::string parent = root + "/vtn-" + std::to_string(geteuid());
    std::vector<std::string> left;
    for_each_session(parent, [&](const std::string& folder) {
      struct stat info = {};
      if (lstat((folder + "/" + kShimLinkName).c_str(), &info) == 0 &&
          access((folder + "/" + kControlFileName).c_str(), F_OK) != 0 && lock_is_free(folder)) {
        left.push_back(folder);
      }
    });
    if (!left.empty()) {
      drop_used_folders(left);
    }
    for (const std::string& folder : left) {
      remove_session(folder);
    }
  }
}

bool session_is_live(const std::string& folder) {
  return !lock_is_free(folder) || !lock_is_free(folder + "/" + kControlFileName);
}

std::string spool_of_running(const std::string& output) {
  std::string spool;
  const std::string wanted = without_links(output);
  for (const std::string& root : possible_roots()) {
    const std::string parent = root + "/vtn-" + std::to_string(geteuid());
    if (!is_own_folder(parent)) {
      continue;
    }
    for_each_session(parent, [&](const std::string& folder) {
      const auto settings = read_file(folder + "/" + kSettingsFileName);
      const auto outputs = settings ? settings_with(*settings, VTN_SETTING_OUTPUT)
                                    : Result<std::vector<std::string>>(fail("there are none"));
      if (outputs && session_is_live(folder) &&
          std::any_of(outputs->begin(), outputs->end(), [&](const std::string& one) {
            return without_links(one) == wanted;
          })) {
        spool = target_of(folder + "/" + kSpoolLinkName);
      }
    });
  }
  return spool;
}

std::vector<std::string> stale_sessions() {
  std::map<std::string, int64_t> found;  // by the time they were made
  for (const std::string& root : possible_roots()) {
    for_each_session(root + "/vtn-" + std::to_string(geteuid()), [&](const std::string& folder) {
      // A folder without a control page is being made, or being removed, or was left on purpose.
      struct stat info = {};
      if (lstat((folder + "/" + kShimLinkName).c_str(), &info) == 0 &&
          access((folder + "/" + kControlFileName).c_str(), F_OK) == 0 &&
          !session_is_live(folder)) {
        found[folder] = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
      }
    });
  }
  std::vector<std::string> folders;
  for (const auto& [folder, made_ns] : found) {
    folders.push_back(folder);
  }
  std::sort(folders.begin(), folders.end(), [&](const std::string& a, const std::string& b) {
    return found[a] > found[b];
  });
  return folders;
}

}  // namespace vtn::session
