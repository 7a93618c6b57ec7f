// SPDX-License-Identifier: Apache-2.0
#include "launcher/outputs.h"

#include <algorithm>
#include <string_view>

#include <sys/stat.h>

#include "base/file.h"
#include "launcher/closest.h"

namespace vtn::launcher {

namespace {

struct ExtensionRow {
  const char* extension;
  OutputSpec::Format format;
  bool can_gzip;
};

constexpr ExtensionRow kExtensions[] = {
    {".json", OutputSpec::kJson, true},
    {".pftrace", OutputSpec::kPftrace, true},
    {".perfetto-trace", OutputSpec::kPftrace, true},
    {".vtn", OutputSpec::kVtn, false},
};

std::string known_extensions() {
  return ".json, .json.gz, .pftrace, .pftrace.gz, .perfetto-trace, .perfetto-trace.gz or .vtn";
}

std::string nearest_extension(const std::string& name) {
  const size_t dot = name.rfind('.', name.ends_with(".gz") ? name.size() - 4 : name.npos);
  if (dot == name.npos || dot == 0) {
    return "";
  }
  std::vector<std::string> all;
  for (const ExtensionRow& row : kExtensions) {
    all.emplace_back(row.extension);
    if (row.can_gzip) {
      all.push_back(std::string(row.extension) + ".gz");
    }
  }
  return closest_match(name.substr(dot), all);
}

}  // namespace

Result<OutputSpec> output_spec(const std::string& path) {
  const std::string name = name_of(path);
  if (path.empty() || path.back() == '/') {
    return fail("output file '" + path + "': a file name is missing");
  }
  OutputSpec spec;
  spec.gzip = name.ends_with(".gz");
  const std::string_view plain =
      spec.gzip ? std::string_view(name).substr(0, name.size() - 3) : std::string_view(name);
  for (const ExtensionRow& row : kExtensions) {
    if (plain.ends_with(row.extension) && (!spec.gzip || row.can_gzip)) {
      spec.format = row.format;
      VTN_ASSIGN(spec.path, absolute_path(path));
      return spec;
    }
  }
  const std::string nearest = nearest_extension(name);
  return fail("output file " + path + ": its name must end in " + known_extensions() +
              (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
}

std::string unique_output_name(const std::vector<std::string>& target, time_t now, int pid) {
  std::string program = "python";
  if (target.size() > 1 && target[0] == "-m") {
    program = target[1];
  } else if (!target.empty() && target[0].starts_with("-m")) {
    program = target[0].substr(2);
  } else if (!target.empty() && !target[0].starts_with("-")) {
    program = name_of(target[0]);
    program = program.substr(0, program.find('.', 1));
  }
  std::replace(program.begin(), program.end(), '/', '_');
  tm local;
  char stamp[32] = "";
  if (localtime_r(&now, &local) != nullptr) {
    (void)strftime(stamp, sizeof(stamp), "%Y%m%d_%H%M%S", &local);
  }
  return program + "_" + stamp + "_" + std::to_string(pid) + ".json";
}

Result<std::vector<OutputSpec>> choose_outputs(const Options& options, time_t now, int pid) {
  std::vector<std::string> names = options.output_files;
  if (options.unique_output_file) {
    if (!names.empty()) {
      return fail("--unique_output_file and --output_file exclude each other");
    }
    names.push_back(unique_output_name(options.target, now, pid));
  }
  if (names.empty()) {
    names.emplace_back("result.json");
  }
  std::vector<OutputSpec> outputs;
  for (std::string& name : names) {
    if (!options.output_dir.empty() && !name.starts_with("/")) {
      name = options.output_dir + "/" + name;
    }
    VTN_ASSIGN(OutputSpec spec, output_spec(name));
    for (const OutputSpec& other : outputs) {
      if (other.path == spec.path) {
        return fail("output file " + name + " is named twice");
      }
    }
    outputs.push_back(std::move(spec));
  }
  return outputs;
}

Status prepare_outputs(const Options& options, const std::vector<OutputSpec>& outputs) {
  if (!options.output_dir.empty()) {
    VTN_TRY(make_folders(options.output_dir));
  }
  for (const OutputSpec& output : outputs) {
    struct stat info;
    const std::string folder = folder_of(output.path);
    if (stat(folder.c_str(), &info) != 0) {
      return fail_errno("cannot write " + output.path + ": its folder " + folder);
    }
    if (!S_ISDIR(info.st_mode)) {
      return fail("cannot write " + output.path + ": " + folder + " is not a folder", ENOTDIR);
    }
    if (stat(output.path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return fail("cannot write " + output.path + ": it is a folder", EISDIR);
    }
    // Only trying tells, for a read-only file system, a quota or root's rights.
    auto trial = AtomicFile::create(output.path);
    if (!trial) {
      return tl::unexpected<Error>(std::move(trial).error());
    }
  }
  return {};
}

}  // namespace vtn::launcher
