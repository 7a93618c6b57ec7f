// SPDX-License-Identifier: Apache-2.0
#include "launcher/outputs.h"

#include <algorithm>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "launcher/closest.h"
#include "launcher/open_report.h"

namespace vtn::launcher {

namespace {

std::string list_of(const std::vector<std::string>& words) {
  std::string list;
  for (size_t i = 0; i < words.size(); ++i) {
    list += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  return list;
}

std::string nearest_extension(const std::string& name) {
  const size_t dot = name.rfind('.', name.ends_with(".gz") ? name.size() - 4 : name.npos);
  if (dot == name.npos || dot == 0) {
    return "";
  }
  return closest_match(name.substr(dot), report::known_extensions());
}

// "a.json.gz" -> "a_4711.json.gz". Devices keep their names.
void add_pid(report::Output& output, int pid) {
  struct stat info;
  if (stat(output.path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return;
  }
  const size_t ending = std::string_view(output.format->extension).size() + (output.gzip ? 3 : 0);
  output.path.insert(output.path.size() - ending, "_" + std::to_string(pid));
}

}  // namespace

Result<report::Output> output_named(const std::string& path) {
  const std::string name = name_of(path);
  if (path.empty() || path.back() == '/') {
    return fail("output file '" + path + "': a file name is missing");
  }
  report::Output output;
  output.format = report::format_of_name(name, output.gzip);
  if (output.format == nullptr) {
    const std::string nearest = nearest_extension(name);
    return fail("output file " + path + ": its name must end in " +
                list_of(report::known_extensions()) +
                (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
  }
  VTN_ASSIGN(output.path, absolute_path(path));
  return output;
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

Result<std::vector<report::Output>> choose_outputs(const Request& request, time_t now, int pid) {
  std::vector<std::string> names = request.names.files;
  if (request.names.unique) {
    if (!names.empty()) {
      return fail("--unique_output_file and --output_file exclude each other");
    }
    names.push_back(unique_output_name(request.launch.target, now, pid));
  }
  if (names.empty()) {
    names.emplace_back(request.source.work == Work::kCompress ? "result.vtn" : "result.json");
  }
  names.insert(names.end(), request.names.more.begin(), request.names.more.end());
  std::vector<report::Output> outputs;
  for (std::string& name : names) {
    if (!request.names.folder.empty() && !name.starts_with("/")) {
      name = request.names.folder + "/" + name;
    }
    VTN_ASSIGN(report::Output output, output_named(name));
    if (request.names.pid_suffix && !request.names.unique) {
      add_pid(output, pid);
    }
    if (request.source.work == Work::kCompress && output.format != &report::spool_format()) {
      return fail("output file " + name + ": --compress writes " +
                  report::spool_format().extension);
    }
    for (const report::Output& other : outputs) {
      if (other.path == output.path) {
        return fail("output file " + name + " is named twice");
      }
    }
    outputs.push_back(std::move(output));
  }
  if (request.open && shown_output(outputs) == nullptr) {
    return fail(
        "--open: there is no report with calls in it; -o FILE.html or -o FILE.vtn makes one");
  }
  return outputs;
}

Status prepare_outputs(const Request& request, const std::vector<report::Output>& outputs) {
  if (!request.names.folder.empty()) {
    VTN_TRY(make_folders(request.names.folder));
  }
  for (const report::Output& output : outputs) {
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

Status make_outputs_ready(Request& request) {
  constexpr int kUsageError = 2;
  constexpr int kOtherError = 1;
  if (request.report.outputs.empty()) {
    auto outputs = choose_outputs(request, time(nullptr), getpid());
    if (!outputs) {
      return fail(outputs.error().message, kUsageError);
    }
    request.report.outputs = std::move(*outputs);
  }
  if (Status prepared = prepare_outputs(request, request.report.outputs); !prepared) {
    return fail(prepared.error().message, kOtherError);
  }
  return {};
}

}  // namespace vtn::launcher
