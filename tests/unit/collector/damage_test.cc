// SPDX-License-Identifier: Apache-2.0
#include "tests/support/damage.h"

#include <filesystem>

#include <sys/mman.h>
#include <unistd.h>

#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "session/session.h"
#include "subprocess_shim/claim.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

constexpr long kMostKib = 256 * 1024;

// The files of a run whose collector has died, and what a traced process wrote into them.
class DeadRun {
 public:
  DeadRun() {
    auto created = session::create_session({"", "/lib/shim.so", {}});
    REQUIRE(created.has_value());
    session_ = std::move(*created);
    tracer::Arena& arena = session_.arena;
    const uint32_t slot = vtn_claim_slot(arena.control, arena.processes);
    ProcessSlot& process = arena.processes[slot];
    process.kind = VTN_SLOT_IMAGE;
    process.flags = VTN_SLOT_PYTHON;
    process.pid = 7;
    process.start_ticks = 1;
    store_release(&process.state, static_cast<uint32_t>(ProcessState::kTracing));

    const uint32_t names = tracer::claim_chunk(arena, 0, ChunkKind::kNames, slot, 0, 0, 0, 0);
    const FunctionRecord function = {kFirstNameId, FunctionKind::kPython, 1, 4, 4, 0};
    constexpr char kText[] = "nameX.py";
    uint64_t* words = arena.words(names);
    memcpy(words + 1, &function, sizeof(function));
    memcpy(reinterpret_cast<char*>(words + 1) + sizeof(function), kText, 8);
    store_release(
        words,
        name_record_head(NameRecord::kFunction, static_cast<uint32_t>(2 + sizeof(function) / 8)));

    const uint32_t events = tracer::claim_chunk(arena, 0, ChunkKind::kEvents, slot, 0, 7, 0, 1000);
    words = arena.words(events);
    for (uint64_t i = 0; i < 20; ++i) {
      store_release(
          words + i,
          event_word(i * 500, i % 2 == 0 ? EventKind::kEnter : EventKind::kLeave, kFirstNameId));
    }
    pieces_ = {{session_.arena.control, sizeof(ControlPage)},
               {&process, sizeof(ProcessSlot)},
               {&arena.headers[names], sizeof(ChunkHeader)},
               {arena.words(names), 64},
               {&arena.headers[events], sizeof(ChunkHeader)},
               {arena.words(events), 192}};
    for (const Piece& piece : pieces_) {
      whole_.append(static_cast<const char*>(piece.at), piece.bytes);
    }
  }
  ~DeadRun() {
    restore();
    session::remove_session(session_.folder);
  }
  DeadRun(const DeadRun&) = delete;
  DeadRun& operator=(const DeadRun&) = delete;

  const std::string& whole() const { return whole_; }
  const std::string& folder() const { return session_.folder; }

  // Cut to `bytes`; restore() makes it whole again.
  void cut(const char* file, uint64_t bytes) const {
    REQUIRE(truncate(session_.file(file).c_str(), static_cast<off_t>(bytes)) == 0);
  }
  void restore() const {
    cut(kControlFileName, session_.control_mapping.size());
    cut(kArenaFileName, session_.arena_mapping.size());
    put(whole_);
  }

  // `bytes` in place of all that was written.
  void put(const std::string& bytes) const {
    size_t from = 0;
    for (const Piece& piece : pieces_) {
      memcpy(piece.at, bytes.data() + from, piece.bytes);
      from += piece.bytes;
    }
  }

 private:
  struct Piece {
    void* at;
    size_t bytes;
  };

  session::Session session_;
  std::vector<Piece> pieces_;
  std::string whole_;
};

// As a recovery goes about it: opens the session, drains it, reads the spool and reports. The
// number of calls, or -1 where the session is refused.
int64_t recovered_calls(const std::string& folder) {
  auto opened = session::open_session(folder);
  if (!opened) {
    REQUIRE(!opened.error().message.empty());
    return -1;
  }
  UniqueFd fd(memfd_create("damaged", MFD_CLOEXEC));
  UniqueFd again(dup(fd.get()));
  const spool::FileHeader header = spool::file_header(ClockKind::kMonotonic);
  auto spool = spool::Writer::start(std::move(fd), header);
  REQUIRE(spool.has_value());
  {
    FakeKernel kernel;
    collector::Drain drain(opened->arena, ClockKind::kMonotonic, **spool, kernel, false);
    drain.take_rest();
  }
  REQUIRE((*spool)->close().has_value());
  auto reader = spool::Reader::open(std::move(again), "damaged");
  REQUIRE(reader.has_value());
  report::WriteRequest request;
  request.path = "/dev/null";
  request.settings.workers = 1;
  REQUIRE(report::write_json(**reader, request).has_value());
  REQUIRE(report::write_perfetto(**reader, request).has_value());
  int64_t calls = 0;
  for (const auto& thread : (*reader)->model().threads) {
    calls += static_cast<int64_t>(thread.calls);
  }
  return calls;
}

}  // namespace

TEST_CASE("recovery: a damaged session is refused or reported", "[collector]") {
  const long before_kib = peak_kib();  // of the tests before this one
  const DeadRun run;
  CHECK(recovered_calls(run.folder()) == 10);
  int refused = 0;
  int reported = 0;
  const auto check = [&](const std::string& bytes, const std::string& what) {
    INFO(what);
    run.put(bytes);
    ++(recovered_calls(run.folder()) < 0 ? refused : reported);
  };
  for_each_flip(run.whole(), 3, check);
  for_each_number(run.whole(), check);
  CHECK(refused > 0);
  CHECK(reported > 0);
  run.put(run.whole());
  CHECK(recovered_calls(run.folder()) == 10);
  CHECK(peak_kib() < before_kib + kMostKib);
}

TEST_CASE("recovery: a session whose files were cut short is refused", "[collector]") {
  const DeadRun run;
  for (const char* file : {kControlFileName, kArenaFileName}) {
    const uint64_t whole = std::filesystem::file_size(run.folder() + "/" + file);
    for (const uint64_t bytes : {uint64_t{0}, sizeof(ControlPage) - 1, whole / 2, whole - 1}) {
      INFO(file << " cut to " << bytes);
      run.cut(file, bytes);
      CHECK(recovered_calls(run.folder()) == -1);
      run.restore();
      CHECK(recovered_calls(run.folder()) == 10);
    }
  }
}

}  // namespace vtn::test
