// SPDX-License-Identifier: Apache-2.0
//
// Frames of functions that are switched off (--budget), whose calls are recorded to their end.
#include "runtime/capture/open_frames.h"

#include <random>
#include <set>
#include <utility>
#include <vector>

#include "runtime/entry/interpreters.h"
#include "tests/support/catch.h"

namespace vtn::runtime {

static PyInterp* g_interpreter = reinterpret_cast<PyInterp*>(16);
PyInterp* current_interpreter() { return g_interpreter; }

}  // namespace vtn::runtime

namespace vtn::test {
namespace {

const void* address(uintptr_t number) { return reinterpret_cast<const void*>(number * 16); }

struct Started {
  Started() { REQUIRE(runtime::start_open_frames()); }
};

}  // namespace

TEST_CASE("open frames: they go one by one, and with the last their code", "[open_frames]") {
  const Started started;
  const void* const code = address(1000);
  CHECK_FALSE(runtime::any_open_frames());
  CHECK(runtime::open_frames_of(code) == nullptr);
  runtime::OpenCode* open = runtime::begin_open_frames(code, {17, 18}, 0);
  REQUIRE(open != nullptr);
  CHECK(open->is_new);
  open = runtime::add_open_frame(open, address(1), false);
  open = runtime::add_open_frame(open, address(2), true);
  CHECK(runtime::any_open_frames());
  CHECK(runtime::open_frames_of(code) == open);
  CHECK(runtime::open_frames_of(address(1001)) == nullptr);
  CHECK(open->ids.resumed_id == 18);
  CHECK(open->doubtful == 1);
  CHECK(runtime::is_open_frame(open, address(2)));
  CHECK_FALSE(runtime::is_open_frame(open, address(3)));
  runtime::settle_open_frame(open, address(1));
  CHECK(open->doubtful == 1);
  runtime::settle_open_frame(open, address(2));
  CHECK(open->doubtful == 0);
  runtime::drop_open_frame(open, address(3));
  runtime::drop_open_frame(open, address(2));
  CHECK_FALSE(runtime::is_open_frame(open, address(2)));
  runtime::drop_open_frame(open, address(2));
  CHECK(open->living == 1);
  runtime::drop_open_frame(open, address(1));
  CHECK_FALSE(runtime::any_open_frames());
  CHECK(runtime::open_frames_of(code) == nullptr);
}

TEST_CASE("open frames: one that begins anew is in doubt no more", "[open_frames]") {
  const Started started;
  runtime::OpenCode* open = runtime::begin_open_frames(address(5), {17, 17}, 0);
  open = runtime::add_open_frame(open, address(1), true);
  open = runtime::add_open_frame(open, address(2), true);
  runtime::drop_open_frame(open, address(1));
  CHECK(open->doubtful == 1);
  runtime::forget_open_frames();
  CHECK_FALSE(runtime::any_open_frames());
  CHECK(runtime::open_frames_of(address(5)) == nullptr);
}

TEST_CASE("open frames: of another interpreter's code there are none", "[open_frames]") {
  const Started started;
  runtime::OpenCode* open = runtime::begin_open_frames(address(5), {17, 17}, 0);
  open = runtime::add_open_frame(open, address(1), false);
  auto* const first =
      std::exchange(runtime::g_interpreter, reinterpret_cast<runtime::PyInterp*>(32));
  CHECK(runtime::open_frames_of(address(5)) == nullptr);
  runtime::forget_open_frames();
  runtime::g_interpreter = first;
  CHECK(runtime::open_frames_of(address(5)) == open);
  runtime::forget_open_frames();
  CHECK(runtime::open_frames_of(address(5)) == nullptr);
}

TEST_CASE("open frames: as many as there are, in any order", "[open_frames]") {
  const Started started;
  std::minstd_rand random(3);
  for (int round = 0; round < 20; ++round) {
    const void* const code = address(100'000 + random() % 50);
    runtime::OpenCode* open = runtime::begin_open_frames(code, {17, 17}, 0);
    std::set<uintptr_t> expected;
    for (size_t i = 0; i < size_t{1} << (round % 13); ++i) {
      const uintptr_t frame = 1 + random() % 100'000;
      if (expected.insert(frame).second) {
        open = runtime::add_open_frame(open, address(frame), random() % 4 == 0);
      }
    }
    CHECK(open->living == expected.size());
    while (!expected.empty()) {
      const uintptr_t frame = random() % 2 == 0 ? *expected.begin() : *expected.rbegin();
      CHECK(runtime::is_open_frame(open, address(frame)));
      CHECK(runtime::is_open_frame(open, address(200'000 + frame)) == false);
      runtime::drop_open_frame(open, address(frame));
      expected.erase(frame);
    }
    CHECK(runtime::open_frames_of(code) == nullptr);
  }
}

TEST_CASE("open frames: of no more codes than there is room for, again and again",
          "[open_frames]") {
  const Started started;
  for (uintptr_t round = 0; round < 5; ++round) {
    std::vector<const void*> codes;
    for (uintptr_t i = 0;; ++i) {
      const void* const code = address(1'000'000 * (round + 1) + i * 7);
      runtime::OpenCode* const open =
          runtime::begin_open_frames(code, {static_cast<uint32_t>(i), 0}, 0);
      if (open == nullptr) {
        break;
      }
      codes.push_back(code);
      (void)runtime::add_open_frame(open, address(i + 1), false);
    }
    CHECK(codes.size() == 512);
    for (size_t i = 0; i < codes.size(); ++i) {
      runtime::OpenCode* const open = runtime::open_frames_of(codes[i]);
      REQUIRE(open != nullptr);
      CHECK(open->ids.id == i);
      runtime::drop_open_frame(open, address(i + 1));
    }
    CHECK(runtime::open_frames_of(codes[0]) == nullptr);
  }
}

}  // namespace vtn::test
