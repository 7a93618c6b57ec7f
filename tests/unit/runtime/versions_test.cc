// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/versions.h"

#include "runtime/python/python_api.h"
#include "tests/support/catch.h"

namespace vtn::runtime {
namespace {

TEST_CASE("versions: what Py_GetVersion says is read as PY_VERSION_HEX without the serial",
          "[runtime]") {
  const struct {
    const char* text;
    uint32_t version;
  } rows[] = {{"3.12.1 (main, Dec  7 2023)", 0x030c01f0},
              {"3.10.13 (main)", 0x030a0df0},
              {"3.15.0a2+ (heads/main)", 0x030f00a0},
              {"3.14.0b4", 0x030e00b0},
              {"3.13.0rc2 (tags/v3.13.0rc2)", 0x030d00c0},
              {"2.7.18 |Anaconda|", 0x020712f0},
              {"3.11.2+", 0x030b02f0}};
  for (const auto& row : rows) {
    INFO(row.text);
    CHECK(parse_python_version(row.text) == row.version);
  }
}

TEST_CASE("versions: what is no version is 0", "[runtime]") {
  for (const char* text : {"", "three", "3", "3.", "3.12", "3.12.", "3..1", "-3.12.1", " 3.12.1"}) {
    INFO(text);
    CHECK(parse_python_version(text) == 0);
  }
}

TEST_CASE("versions: each minor version has one backend of choice", "[runtime]") {
  for (uint32_t minor = 10; minor <= 15; ++minor) {
    INFO(minor);
    CHECK(has_monitoring(minor) == (minor >= 12));
    CHECK(has_one_profiler_per_thread(minor) == (minor < 12));
    CHECK((frame_layout(minor).code != 0) == (minor < 12));
    CHECK(code_has_qualname(minor) == (minor >= 11));
    // A chain of frames is there wherever frames are no objects.
    CHECK((chain_layout(minor).previous != 0) == (minor >= 11));
    // Opcodes are asked for by a frame object where nothing else tells of instructions.
    CHECK((trace_layout(minor).trace_opcodes != 0) == (minor < 12));
    CHECK((trace_layout(minor).object != 0) == (minor == 11));
    CHECK((trace_layout(minor).caller != 0) == (minor < 12));
    CHECK(has_exception_table(minor) == (minor >= 11));
  }
  // Of a version that nobody has looked at: the API is asked.
  CHECK(chain_layout(99).previous == 0);
  CHECK(trace_layout(99).trace_opcodes == 0);
}

}  // namespace
}  // namespace vtn::runtime
