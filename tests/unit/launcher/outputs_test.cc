// SPDX-License-Identifier: Apache-2.0
#include "launcher/outputs.h"

#include <filesystem>

#include <stdlib.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

std::string here() { return std::filesystem::current_path().string(); }

launcher::Request with_outputs(const std::vector<std::string>& files) {
  launcher::Request options;
  options.names.files = files;
  return options;
}

TEST_CASE("outputs: the extension chooses the format", "[outputs]") {
  const struct {
    const char* name;
    const char* extension;
    bool gzip;
  } rows[] = {{"a.json", ".json", false},
              {"a.json.gz", ".json", true},
              {"a.pftrace", ".pftrace", false},
              {"a.perfetto-trace", ".perfetto-trace", false},
              {"a.perfetto-trace.gz", ".perfetto-trace", true},
              {"a.txt", ".txt", false},
              {"a.summary.json", ".summary.json", false},
              {"summary.json", ".json", false},
              {"a.vtn", ".vtn", false}};
  for (const auto& row : rows) {
    INFO(row.name);
    const auto output = launcher::output_named(row.name);
    REQUIRE(output);
    CHECK(std::string(output->format->extension) == row.extension);
    CHECK(output->gzip == row.gzip);
    CHECK(output->path == here() + "/" + row.name);
  }
}

TEST_CASE("outputs: every format of the table is accepted, and named when one is not",
          "[outputs]") {
  const std::string refusal = launcher::output_named("a.doc").error().message;
  for (const std::string& extension : report::known_extensions()) {
    INFO(extension);
    CHECK(launcher::output_named("a" + extension));
    CHECK(refusal.find(extension) != std::string::npos);
  }
}

TEST_CASE("outputs: an unknown extension is refused, the nearest proposed", "[outputs]") {
  CHECK(launcher::output_named("a.jsn").error().message.find("did you mean .json?") !=
        std::string::npos);
  CHECK(launcher::output_named("a.jsn.gz").error().message.find("did you mean .json.gz?") !=
        std::string::npos);
  for (const char* name : {"a.doc", "a", "", "folder/", "a.vtn.gz", "a.gz", ".gz"}) {
    INFO(name);
    const auto output = launcher::output_named(name);
    REQUIRE(!output);
    CHECK(!output.error().message.empty());
  }
}

TEST_CASE("outputs: the default, the folder and the unique name", "[outputs]") {
  CHECK((*launcher::choose_outputs(launcher::Request(), 0, 1))[0].path == here() + "/result.json");
  launcher::Request options = with_outputs({"a.json", "/b.vtn"});
  options.names.folder = "d";
  const auto outputs = launcher::choose_outputs(options, 0, 1);
  REQUIRE(outputs);
  CHECK((*outputs)[0].path == here() + "/d/a.json");
  CHECK((*outputs)[1].path == "/b.vtn");
  CHECK(!launcher::choose_outputs(with_outputs({"a.json", "a.json"}), 0, 1));
  launcher::Request both = with_outputs({"a.json"});
  both.names.unique = true;
  CHECK(!launcher::choose_outputs(both, 0, 1));
  launcher::Request more;
  more.names.more = {"times.txt"};
  const auto both_reports = launcher::choose_outputs(more, 0, 1);
  REQUIRE(both_reports);
  CHECK((*both_reports)[0].path == here() + "/result.json");
  CHECK((*both_reports)[1].path == here() + "/times.txt");
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

TEST_CASE("outputs: what is to be shown must be something that can be", "[outputs]") {
  auto options = with_outputs({"a.txt", "a.summary.json", "a.svg"});
  CHECK(launcher::choose_outputs(options, 0, 1));
  options.open = true;
  CHECK(launcher::choose_outputs(options, 0, 1).error().message ==
        "--open: there is no report with calls in it; -o FILE.html or -o FILE.vtn makes one");
  for (const char* const name : {"b.vtn", "b.html", "b.json.gz", "b.pftrace"}) {
    options.names.more = {"b.md", name};
    CHECK(launcher::choose_outputs(options, 0, 1));
  }
}

TEST_CASE("outputs: what cannot be written is known beforehand", "[outputs]") {
  const TemporaryFolder folder;
  const auto prepare = [](const std::string& path, const std::string& output_dir) {
    launcher::Request options = with_outputs({path});
    options.names.folder = output_dir;
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
