// SPDX-License-Identifier: Apache-2.0
#include "session/session.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "session/arena_provision.h"
#include "session/arena_size.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

constexpr uint64_t kMiB = 1u << 20;

// A session that is removed with the test.
class OwnedSession {
 public:
  explicit OwnedSession(const session::SessionRequest& request = {"", "/lib/shim.so", {}}) {
    auto created = session::create_session(request);
    REQUIRE(created);
    session = std::move(*created);
  }
  ~OwnedSession() { session::remove_session(session.folder); }

  session::Session session;
};

mode_t mode_of(const std::string& path) {
  struct stat info;
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

uint32_t free_chunks(const tracer::Arena& arena, uint32_t chunk_class) {
  uint32_t count = 0;
  const ChunkClass& range = arena.geometry.classes[chunk_class];
  for (uint32_t i = 0; i < range.count; ++i) {
    count +=
        chunk_state(load_relaxed(&arena.headers[range.first_chunk + i].owner)) == ChunkState::kFree;
  }
  return count;
}

TEST_CASE("session: the folder and its files are the user's own", "[session]") {
  session::SessionRequest request = {"", "/lib/shim.so", {}};
  request.settings.c_functions = false;
  const OwnedSession owned(request);
  const session::Session& session = owned.session;
  CHECK(mode_of(session.folder) == 0700);
  CHECK(mode_of(folder_of(session.folder)) == 0711);
  CHECK(mode_of(session.file(kControlFileName)) == 0600);
  CHECK(mode_of(session.file(kArenaFileName)) == 0600);
  CHECK(std::filesystem::read_symlink(session.file(kShimLinkName)) == "/lib/shim.so");
  const ControlPage& control = *session.arena.control;
  CHECK(control.magic == kControlMagic);
  CHECK(control.options == kOptionIgnoreCFunctions);
  CHECK(control.state == static_cast<uint32_t>(SessionState::kRecording));
}

TEST_CASE("session: the first chunks can be claimed at once", "[session]") {
  const OwnedSession owned;
  const tracer::Arena& arena = owned.session.arena;
  uint64_t bytes = 0;
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    CHECK(free_chunks(arena, c) > 0);
    bytes += uint64_t{free_chunks(arena, c)} * (kSmallestChunkBytes << c);
    CHECK(tracer::claim_chunk(arena, c, ChunkKind::kEvents, 0, 0, 1, 0, 0) != tracer::kNoChunk);
  }
  CHECK(bytes <= 2 * kMiB);
  CHECK(bytes >= kMiB / 2);
}

TEST_CASE("session: what one process created another opens", "[session]") {
  const OwnedSession owned;
  auto opened = session::open_session(owned.session.folder + "/");
  REQUIRE(opened);
  CHECK(opened->folder == owned.session.folder);
  CHECK(opened->arena.geometry.chunk_count == owned.session.arena.geometry.chunk_count);
  opened->arena.words(3)[1] = 77;
  CHECK(owned.session.arena.words(3)[1] == 77);
}

TEST_CASE("session: a damaged control page is refused", "[session]") {
  const OwnedSession owned;
  ControlPage& control = *owned.session.arena.control;
  const std::string& folder = owned.session.folder;
  const ControlPage good = control;
  control.magic ^= 1;
  CHECK(!session::open_session(folder));
  control = good;
  control.abi_version += 1;
  CHECK(session::open_session(folder).error().message.find("another version") != std::string::npos);
  control = good;
  control.geometry.classes[2].count += 1;
  CHECK(!session::open_session(folder));
  control = good;
  control.geometry.classes[4].offset_bytes = ~uint64_t{0} - 4095;
  CHECK(!session::open_session(folder));
  control = good;
  control.geometry.arena_bytes *= 2;
  CHECK(!session::open_session(folder));
  control = good;
  control.geometry.chunk_count = ~0u;
  CHECK(!session::open_session(folder));
  control = good;
  CHECK(session::open_session(folder));
  REQUIRE(truncate(owned.session.file(kArenaFileName).c_str(), 4096) == 0);
  CHECK(!session::open_session(folder));
  REQUIRE(truncate(owned.session.file(kControlFileName).c_str(), 100) == 0);
  CHECK(session::open_session(folder).error().message.find("cut short") != std::string::npos);
  CHECK(!session::open_session("/nowhere"));
}

TEST_CASE("session: it is stale when its run has died, and only then", "[session]") {
  OwnedSession owned;
  const std::string folder = owned.session.folder;
  const auto is_listed = [&folder] {
    const auto found = session::stale_sessions();
    return std::find(found.begin(), found.end(), folder) != found.end();
  };
  CHECK(session::session_is_live(folder));
  CHECK(!is_listed());
  owned.session.folder_fd.reset();
  CHECK(!session::session_is_live(folder));
  CHECK(is_listed());
  session::remove_session(folder);
  CHECK(!std::filesystem::exists(folder));
  CHECK(!is_listed());
}

TEST_CASE("session: removing it removes nothing else", "[session]") {
  const OwnedSession owned;
  const std::string stranger = owned.session.folder + "/notes";
  REQUIRE(open_file(stranger, O_CREAT | O_WRONLY));
  session::remove_session(owned.session.folder);
  CHECK(std::filesystem::exists(stranger));
  CHECK(!std::filesystem::exists(owned.session.file(kArenaFileName)));
  std::filesystem::remove(stranger);
}

TEST_CASE("provision: memory comes front to back, and is found again", "[session]") {
  const OwnedSession owned;
  const tracer::Arena& arena = owned.session.arena;
  session::ArenaProvision provision(arena, owned.session.arena_fd.get());
  const uint32_t before = provision.provided(4);
  CHECK(before == free_chunks(arena, 4));
  REQUIRE(provision.provide(4, before + 3));
  CHECK(free_chunks(arena, 4) == before + 3);
  CHECK(session::ArenaProvision(arena, owned.session.arena_fd.get()).provided(4) == before + 3);
  REQUIRE(provision.provide(4, ~0u));
  CHECK(provision.provided(4) == arena.geometry.classes[4].count);
}

TEST_CASE("provision: it grows as chunks are taken, and not before", "[session]") {
  const OwnedSession owned;
  const tracer::Arena& arena = owned.session.arena;
  session::ArenaProvision provision(arena, owned.session.arena_fd.get());
  const uint64_t at_first = provision.provided_bytes();
  REQUIRE(provision.top_up());
  CHECK(provision.provided_bytes() == at_first);
  const uint32_t before = provision.provided(3);
  for (uint32_t i = 0; i < before; ++i) {
    REQUIRE(tracer::claim_chunk(arena, 3, ChunkKind::kEvents, 0, 0, 1, 0, 0) != tracer::kNoChunk);
  }
  REQUIRE(provision.top_up());
  CHECK(provision.provided(3) == before * 2);
  CHECK(free_chunks(arena, 3) == before);
}

TEST_CASE("provision: a full file system is an error, once", "[session]") {
  const OwnedSession owned;
  auto read_only = open_file(owned.session.file(kArenaFileName), O_RDONLY);
  REQUIRE(read_only);
  session::ArenaProvision provision(owned.session.arena, read_only->get());
  const uint32_t before = provision.provided(4);
  CHECK(!provision.provide(4, before + 1));
  CHECK(provision.exhausted());
  CHECK(provision.top_up());
  CHECK(provision.provided(4) == before);
}

TEST_CASE("arena size: the least of what the machine allows", "[session]") {
  session::MemoryLimits limits;
  CHECK(session::arena_size(limits) == 256 * kMiB);
  limits.file_system_free_bytes = 64 * kMiB;
  CHECK(session::arena_size(limits) == 16 * kMiB);
  limits.cgroup_bytes = 200 * kMiB;
  CHECK(session::arena_size(limits) == 12 * kMiB);
  limits.address_space_bytes = 100 * kMiB;
  CHECK(session::arena_size(limits) == 6 * kMiB);
  limits.file_bytes = 4096;
  CHECK(session::arena_size(limits) == 4096);
}

TEST_CASE("arena size: a cgroup's limit is the least up to the root", "[session]") {
  const TemporaryFolder root;
  root.write("a/memory.max", "max\n");
  root.write("a/b/memory.max", "1000000\n");
  root.write("a/b/c/memory.max", "3000000\n");
  CHECK(session::cgroup_memory_limit("0::/a/b/c\n", root.path()) == 1'000'000);
  CHECK(session::cgroup_memory_limit("0::/a\n", root.path()) == UINT64_MAX);
  CHECK(session::cgroup_memory_limit("0::/gone/away\n", root.path()) == UINT64_MAX);
  root.write("memory/x/memory.limit_in_bytes", "5000\n");
  CHECK(session::cgroup_memory_limit("5:cpu,memory2:/q\n4:memory:/x\n0::/a", root.path()) == 5000);
  CHECK(session::cgroup_memory_limit("nonsense\n::\n:", root.path()) == UINT64_MAX);
  CHECK(session::cgroup_memory_limit("", root.path()) == UINT64_MAX);
}

TEST_CASE("session: what is asked for stands in the settings file", "[session]") {
  session::SessionRequest request = {"", "/lib/shim.so", {}};
  request.settings.excluded_processes = {"gcc", std::string(5000, 'x')};
  request.arguments = {"--quiet", "", "x.py"};
  request.outputs = {"/tmp/a.json"};
  const OwnedSession owned(request);
  const std::string file = read_file(owned.session.file(session::kSettingsFileName)).value();
  CHECK(owned.session.arena.control->settings_bytes == file.size());
  const auto excluded = session::settings_with(file, VTN_SETTING_EXCLUDE);
  REQUIRE(excluded);
  REQUIRE(excluded->size() == 2);
  CHECK((*excluded)[0] == std::string("gcc\0", 4));
  CHECK((*excluded)[1].size() == 5001);
  CHECK(*session::settings_with(file, VTN_SETTING_ARGUMENT) == request.arguments);
  CHECK(*session::settings_with(file, VTN_SETTING_OUTPUT) == request.outputs);
  CHECK(session::settings_with(file, 999)->empty());
}

TEST_CASE("session: processes need not open a settings file that is not for them", "[session]") {
  session::SessionRequest request = {"", "/lib/shim.so", {}};
  request.arguments = {"x.py"};
  const OwnedSession owned(request);
  CHECK(owned.session.arena.control->settings_bytes == 0);
  CHECK(read_file(owned.session.file(session::kSettingsFileName)).value().size() > 0);
}

TEST_CASE("session: settings that were scribbled on end where they make no sense", "[session]") {
  session::SettingsWriter writer;
  writer.add(VTN_SETTING_ARGUMENT, "one");
  writer.add(VTN_SETTING_ARGUMENT, "two");
  const std::string whole = writer.bytes();
  for (size_t length = 0; length <= whole.size(); ++length) {
    INFO(length);
    const auto words = session::settings_with(whole.substr(0, length), VTN_SETTING_ARGUMENT);
    CHECK(words.has_value() == (length >= sizeof(vtn_settings_head)));
    CHECK((!words || words->size() <= 2));
  }
  for (size_t at = 0; at < whole.size() * 8; ++at) {
    std::string flipped = whole;
    flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ (1 << (at % 8)));
    const auto words = session::settings_with(flipped, VTN_SETTING_ARGUMENT);
    CHECK((!words || words->size() <= 2));
  }
}

TEST_CASE("session: what the embed host stands for is in the control page", "[session]") {
  const OwnedSession none;
  CHECK(none.session.arena.control->host_inode == 0);
  TemporaryFolder folder;
  folder.write("python3.12", "");
  std::filesystem::create_symlink("python3.12", folder.file("python3"));
  session::SessionRequest request = {"", "/lib/shim.so", {}};
  request.embed_host = "/proc/self/exe";
  request.interpreter = folder.file("python3");
  request.libpython = "/lib/libpython.so";
  const OwnedSession owned(request);
  const ControlPage& control = *owned.session.arena.control;
  struct stat info = {};
  REQUIRE(stat("/proc/self/exe", &info) == 0);
  CHECK(control.host_device == info.st_dev);
  CHECK(control.host_inode == info.st_ino);
  const std::string text =
      std::filesystem::canonical(folder.file("python3.12")).string() + '\0' + "/lib/libpython.so";
  CHECK(std::string(control.host, text.size() + 1) == text + '\0');
  request.interpreter = "";
  request.libpython = std::string(VTN_HOST_BYTES - 2, 'x');
  const OwnedSession library(request);
  CHECK(library.session.arena.control->host[0] == '\0');
  request.libpython += 'x';
  CHECK_FALSE(session::create_session(request));
}

TEST_CASE("session: what was left in another pid namespace is let alone", "[session]") {
  char own[64] = {};
  REQUIRE(readlink("/proc/self/ns/pid", own, sizeof(own) - 1) > 0);
  auto created = session::create_session({"", "/lib/shim.so", {}});
  REQUIRE(created);
  const std::string folder = created->folder;
  created->folder_fd.reset();
  created->control_mapping = {};  // or it would be one of those that use it
  created->arena_mapping = {};
  session::leave_session(folder);
  const std::string left = folder + "/" + session::kLeftLinkName;
  CHECK(std::filesystem::read_symlink(left) == own);
  REQUIRE(unlink(left.c_str()) == 0);
  REQUIRE(symlink("pid:[1]", left.c_str()) == 0);
  session::remove_left_sessions();
  // Only the first namespace sees the processes of all others.
  CHECK(std::filesystem::exists(folder) == (std::string(own) != "pid:[4026531836]"));
  session::remove_session(folder);
}

TEST_CASE("session: what is left for the living is only the link, until they are gone",
          "[session]") {
  std::string folder;
  {
    auto created = session::create_session({"", "/lib/shim.so", {}});
    REQUIRE(created);
    folder = created->folder;
    const std::string link = folder + "/" + kShimLinkName;
    // One that has the link in its environment, one that has the control page mapped.
    for (const bool mapped : {true, false}) {
      const session::Session* session = &*created;
      int ends[2];
      REQUIRE(pipe2(ends, 0) == 0);
      const pid_t child = fork();
      if (child == 0) {
        (void)close(ends[1]);
        if (mapped) {
          char byte = 0;
          (void)!read(ends[0], &byte, 1);
          _exit(session->arena.control->magic == kControlMagic ? 0 : 1);
        }
        (void)dup2(ends[0], 0);
        const std::string preload = "LD_PRELOAD_OF_NOBODY=" + link;
        char* environment[] = {const_cast<char*>(preload.c_str()), nullptr};
        (void)execle("/bin/cat", "cat", nullptr, environment);
        _exit(1);
      }
      REQUIRE(child > 0);
      (void)close(ends[0]);
      if (!mapped) {
        // From here on only the child knows of it; wait until it is what it is to be.
        created->control_mapping = {};
        created->arena_mapping = {};
        created->folder_fd.reset();
        while (read_file("/proc/" + std::to_string(child) + "/environ").value_or("").find(link) ==
               std::string::npos) {
          (void)usleep(1000);
        }
      } else {
        created->folder_fd.reset();
      }
      session::leave_session(folder);
      CHECK(std::filesystem::is_symlink(link));
      CHECK(access((folder + "/" + kControlFileName).c_str(), F_OK) != 0);
      CHECK(access((folder + "/" + kArenaFileName).c_str(), F_OK) != 0);
      const std::vector<std::string> stale = session::stale_sessions();
      CHECK(std::find(stale.begin(), stale.end(), folder) == stale.end());
      session::remove_left_sessions();
      CHECK(std::filesystem::is_symlink(link));
      (void)close(ends[1]);
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
    }
  }
  session::remove_left_sessions();
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("session: process slots get memory ahead of need", "[session]") {
  const OwnedSession owned;
  const session::Session& session = owned.session;
  session::SlotProvision provision(session.arena, session.control_fd.get());
  REQUIRE(provision.top_up(kFirstProcessSlots / 2));
  CHECK(load_relaxed(&session.arena.control->process_slots) == kFirstProcessSlots);
  struct stat before;
  REQUIRE(fstat(session.control_fd.get(), &before) == 0);
  REQUIRE(provision.top_up(kFirstProcessSlots / 2 + 1));
  CHECK(load_relaxed(&session.arena.control->process_slots) == 2 * kFirstProcessSlots);
  struct stat after;
  REQUIRE(fstat(session.control_fd.get(), &after) == 0);
  CHECK(after.st_blocks - before.st_blocks >=
        static_cast<blkcnt_t>(kFirstProcessSlots * sizeof(ProcessSlot) / 512));
  while (provision.provided() < kMaxProcesses) {
    REQUIRE(provision.top_up(provision.provided()));
  }
  REQUIRE(provision.top_up(kMaxProcesses));
  CHECK(load_relaxed(&session.arena.control->process_slots) == kMaxProcesses);
  CHECK(static_cast<uint64_t>(after.st_size) == kControlBytes);
}

}  // namespace
}  // namespace vtn
