// SPDX-License-Identifier: Apache-2.0
#include "launcher/outputs.h"

#include <filesystem>

#include <stdlib.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

std::string here() { return std::filesystem::current_path().string(); }

launcher::Options with_outputs(const std::vector<std::string>& files) {
  launcher::Options options;
  options.output_files = files;
  return options;
}

TEST_CASE("outputs: the extension chooses the format", "[outputs]") {
  const struct {
    const char* name;
    launcher::OutputSpec::Format format;
    bool gzip;
  } rows[] = {{"a.json", launcher::OutputSpec::kJson, false},
              {"a.json.gz", launcher::OutputSpec::kJson, true},
              {"a.pftrace", launcher::OutputSpec::kPftrace, false},
              {"a.perfetto-trace", launcher::OutputSpec::kPftrace, false},
              {"a.perfetto-trace.gz", launcher::OutputSpec::kPftrace, true},
              {"a.vtn", launcher::OutputSpec::kVtn, false}};
  for (const auto& row : rows) {
    INFO(row.name);
    const auto spec = launcher::output_spec(row.name);
    REQUIRE(spec);
    CHECK(spec->format == row.format);
    CHECK(spec->gzip == row.gzip);
    CHECK(spec->path == here() + "/" + row.name);
  }
}

TEST_CASE("outputs: an unknown extension is refused, the nearest proposed", "[outputs]") {
  CHECK(launcher::output_spec("a.jsn").error().message.find("did you mean .json?") !=
        std::string::npos);
  CHECK(launcher::output_spec("a.jsn.gz").error().message.find("did you mean .json.gz?") !=
        std::string::npos);
  for (const char* name : {"a.txt", "a", "", "folder/", "a.vtn.gz", "a.gz", ".gz"}) {
    INFO(name);
    const auto spec = launcher::output_spec(name);
    REQUIRE(!spec);
    CHECK(!spec.error().message.empty());
  }
}

TEST_CASE("outputs: the default, the folder and the unique name", "[outputs]") {
  CHECK((*launcher::choose_outputs(launcher::Options(), 0, 1))[0].path == here() + "/result.json");
  launcher::Options options = with_outputs({"a.json", "/b.vtn"});
  options.output_dir = "d";
  const auto outputs = launcher::choose_outputs(options, 0, 1);
  REQUIRE(outputs);
  CHECK((*outputs)[0].path == here() + "/d/a.json");
  CHECK((*outputs)[1].path == "/b.vtn");
  CHECK(!launcher::choose_outputs(with_outputs({"a.json", "a.json"}), 0, 1));
  launcher::Options both = with_outputs({"a.json"});
  both.unique_output_file = true;
  CHECK(!launcher::choose_outputs(both, 0, 1));
}

TEST_CASE("outputs: the unique name is made as VizTracer makes it", "[outputs]") {
  (void)setenv("TZ", "UTC", 1);
  const time_t noon = 1'700'000'000;  // 2023-11-14 22:13:20 UTC
  CHECK(launcher::unique_output_name({"dir/my.script.py", "x"}, noon, 42) ==
        "my_20231114_221320_42.json");
  CHECK(launcher::unique_output_name({"-m", "pkg.mod"}, noon, 42) ==
        "pkg.mod_20231114_221320_42.json");
  CHECK(launcher::unique_output_name({"-mmod"}, noon, 42) == "mod_20231114_221320_42.json");
  CHECK(launcher::unique_output_name({"-c", "a/b"}, noon, 42) == "python_20231114_221320_42.json");
  CHECK(launcher::unique_output_name({"-"}, noon, 42) == "python_20231114_221320_42.json");
}

TEST_CASE("outputs: what cannot be written is known beforehand", "[outputs]") {
  const TemporaryFolder folder;
  const auto prepare = [](const std::string& path, const std::string& output_dir) {
    launcher::Options options = with_outputs({path});
    options.output_dir = output_dir;
    auto outputs = launcher::choose_outputs(options, 0, 1);
    REQUIRE(outputs);
    return launcher::prepare_outputs(options, *outputs);
  };
  CHECK(prepare(folder.file("a.json"), ""));
  CHECK(!std::filesystem::exists(folder.file("a.json")));
  CHECK(prepare(folder.file("no/a.json"), "").error().code == ENOENT);
  CHECK(prepare("a.json", folder.file("made/now")));
  CHECK(std::filesystem::is_directory(folder.file("made/now")));
  const std::string plain = folder.write("plain", "");
  CHECK(prepare(plain + "/a.json", "").error().code == ENOTDIR);
  std::filesystem::create_directory(folder.file("b.json"));
  CHECK(prepare(folder.file("b.json"), "").error().code == EISDIR);
  CHECK(prepare("/proc/a.json", "").error().message.find("/proc/a.json") != std::string::npos);
}

}  // namespace
}  // namespace vtn
