// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/target.h"

#include <string_view>
#include <utility>

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "abi/python_abi.h"
#include "base/file.h"
#include "launcher/closest.h"
#include "launcher/commands/command.h"
#include "launcher/target/executable.h"
#include "launcher/target/interpreter.h"
#include "launcher/target/pyenv.h"
#include "launcher/target/shebang.h"
#include "launcher/target/versions.h"
#include "report/process_tree.h"
#include "subprocess_shim/program_file.h"

namespace vtn::launcher {

namespace {

constexpr int kMostScriptLevels = 4;  // scripts that are run by scripts, as the kernel allows

std::string version_text(uint32_t version) {
  return std::to_string(version >> 8) + "." + std::to_string(version & 0xff);
}

bool has_python_suffix(const std::string& path) {
  for (const char* suffix : {".py", ".pyc", ".pyw", ".pyz", ".pyzw"}) {
    if (path.ends_with(suffix)) {
      return true;
    }
  }
  return false;
}

std::string nearest_file(const std::string& path) {
  std::vector<std::string> names;
  if (DIR* entries = opendir(folder_of(path).c_str())) {
    while (const dirent* entry = readdir(entries)) {
      names.emplace_back(entry->d_name);
    }
    (void)closedir(entries);
  }
  return closest_match(name_of(path), names);
}

class Planner {
 public:
  Planner(const LaunchSettings& settings,
          const std::string& current_folder,
          Environment environment)
      : settings_(settings), current_folder_(current_folder) {
    launch_.environment = std::move(environment);
  }

  Result<Launch> plan() {
    const std::string& first = settings_.target[0];
    if (first == "-" || first.starts_with("-m") || first.starts_with("-c")) {
      VTN_TRY(run_python(settings_.target));
    } else if (settings_.after_separator) {
      VTN_TRY(plan_command(first));
    } else {
      VTN_TRY(plan_target(first));
    }
    return std::move(launch_);
  }

 private:
  // "viztracer-native NAME ...": what python3 would take first, then what a shell would.
  Status plan_target(const std::string& name) {
    const bool may_be_command = name.find('/') == name.npos;
    const std::string on_path = may_be_command ? look_up(name) : "";
    if (is_folder(name)) {
      const bool runnable = access((name + "/__main__.py").c_str(), F_OK) == 0;
      return runnable || on_path.empty() ? run_python(settings_.target) : run_program(on_path);
    }
    if (is_regular_file(name)) {
      if (!has_python_suffix(name) && is_executable_file(name)) {
        return run_program(name);
      }
      return run_python(settings_.target);
    }
    if (access(name.c_str(), F_OK) == 0) {
      return run_python(settings_.target);  // a FIFO or a device, such as /dev/fd/63
    }
    if (!on_path.empty()) {
      return run_program(on_path);
    }
    const std::string nothing = "cannot find " + name + ": no such file" +
                                (may_be_command ? ", and no such command on PATH" : "");
    for (const CommandRow& row : command_rows()) {
      if (name == row.name) {
        return fail(nothing + "; viztracer-native's own stands first, and takes a " +
                    "recording or a report that is there");
      }
    }
    const std::string nearest = nearest_file(name);
    return fail(nothing + (nearest.empty() ? "; -m runs a module, -c a piece of code"
                                           : "; did you mean " + nearest + "?"));
  }

  // "viztracer-native -- NAME ...": what a shell would take first, then what python3 would.
  Status plan_command(const std::string& name) {
    if (name.find('/') == name.npos) {
      const std::string on_path = look_up(name);
      if (!on_path.empty()) {
        return run_program(on_path);
      }
    }
    if (is_executable_file(name)) {
      return run_program(name);
    }
    if (is_regular_file(name) ||
        (is_folder(name) && access((name + "/__main__.py").c_str(), F_OK) == 0)) {
      return run_python(settings_.target);
    }
    if (is_folder(name)) {
      return fail(name + ": is a folder", EACCES);
    }
    return fail(name + (name.find('/') == name.npos ? ": command not found" : ": no such file"),
                ENOENT);
  }

  std::string look_up(const std::string& name) const {
    return find_on_path(name, launch_.environment.get("PATH"));
  }

  // The discovered interpreter with these arguments.
  Status run_python(const std::vector<std::string>& arguments) {
    VTN_ASSIGN(const Interpreter interpreter,
               discover_interpreter(settings_.python, current_folder_, launch_.environment));
    launch_.argv = {interpreter.argv0};
    launch_.argv.insert(launch_.argv.end(), arguments.begin(), arguments.end());
    return run_interpreter(interpreter);
  }

  // Fills in all but argv.
  Status run_interpreter(const Interpreter& interpreter) {
    launch_.file = interpreter.path;
    VTN_ASSIGN(const Executable image, examine(interpreter.path));
    if (image.is_elf && !image.is_python()) {
      const bool other_python = name_of(interpreter.path).starts_with("pypy") ||
                                name_of(interpreter.path).starts_with("graalpy") ||
                                names_python(interpreter.path);
      if (!other_python) {
        return fail((settings_.python.empty() ? "" : "--python ") + interpreter.argv0 +
                    ": not a Python interpreter");
      }
      launch_.untraced_reason = interpreter.path + " is not CPython";
      return {};
    }
    if (!image.is_elf) {
      if (!read_shebang(interpreter.path)) {
        return fail((settings_.python.empty() ? "" : "--python ") + interpreter.argv0 +
                    ": not a Python interpreter");
      }
      return check_preloadable(interpreter.path, 0);
    }
    return choose_host(image);
  }

  // A file that a shell found, with the arguments the user typed.
  Status run_program(const std::string& found) {
    std::string file = found;
    launch_.argv = settings_.target;
    if (const auto root = pyenv_shim_root(file)) {
      VTN_ASSIGN(file,
                 resolve_pyenv_shim(*root, name_of(file), current_folder_, launch_.environment));
      launch_.argv[0] = file;
    }
    VTN_ASSIGN(const Executable image, examine(file));
    if (image.is_elf) {
      launch_.file = file;
      return choose_host(image);
    }
    if (const auto shebang = read_shebang(file); shebang && shebang->is_python) {
      return run_python_script(file, *shebang);
    }
    launch_.file = file;
    return check_preloadable(file, 0);
  }

  Status run_python_script(const std::string& file, const Shebang& shebang) {
    Interpreter interpreter;
    if (!settings_.python.empty()) {
      VTN_ASSIGN(interpreter,
                 discover_interpreter(settings_.python, current_folder_, launch_.environment));
    } else {
      auto found = find_interpreter(shebang.interpreter, current_folder_, launch_.environment);
      if (!found) {
        return fail("cannot run " + file + ": its interpreter " + found.error().message,
                    shebang.by_name ? ENOENT : EACCES);
      }
      interpreter = std::move(*found);
    }
    std::vector<std::string> argv = {interpreter.argv0};
    argv.insert(argv.end(), shebang.arguments.begin(), shebang.arguments.end());
    argv.push_back(file);
    argv.insert(argv.end(), settings_.target.begin() + 1, settings_.target.end());
    launch_.argv = std::move(argv);
    return run_interpreter(interpreter);
  }

  Result<Executable> examine(const std::string& path) const {
    auto image = examine_executable(path, launch_.environment);
    // A program that may be executed but not read is a program like any other.
    if (!image && image.error().code == EACCES && is_executable_file(path)) {
      return Executable{};
    }
    return image;
  }

  // A script: what matters is what will interpret it.
  Status check_preloadable(const std::string& script, int level) {
    const auto shebang = read_shebang(script);
    if (!shebang || level == kMostScriptLevels) {
      return {};
    }
    const std::string path =
        shebang->by_name ? look_up(shebang->interpreter) : shebang->interpreter;
    auto image = examine_executable(path, launch_.environment);
    if (!image) {
      return {};  // the kernel will say so
    }
    if (!image->is_elf) {
      return check_preloadable(path, level + 1);
    }
    stay_out_of(path, *image);
    return {};
  }

  void stay_out_of(const std::string& path, const Executable& image) {
    if (vtn_is_carried(image.untraced)) {
      launch_.untraced = image.untraced;
    } else {
      launch_.untraced_reason =
          path + ": " + report::untraced_text(static_cast<UntracedReason>(image.untraced));
    }
  }

  Status choose_host(const Executable& image) {
    if (!settings_.needs_monitoring.empty() && image.is_python() && image.python_version != 0 &&
        image.python_version < kFirstWithMonitoring) {
      return fail(settings_.needs_monitoring + " needs Python " +
                  version_text(kFirstWithMonitoring) + " or later, and " + launch_.file + " is " +
                  version_text(image.python_version));
    }
    if (image.is_python() && image.python_version != 0 && image.python_version < kOldestPython) {
      launch_.untraced_reason = launch_.file + " is Python " + version_text(image.python_version) +
                                "; " + kOldestPythonText + " is the oldest that can be traced";
    } else {
      stay_out_of(launch_.file, image);
    }
    if (image.kind == ExecutableKind::kPythonLibrary) {
      if (settings_.host == HostChoice::kExec) {
        return fail("--host exec: " + launch_.file + " is a library; name the interpreter");
      }
      launch_.libpython = image.libpython;
      launch_.argv[0] = "python" + version_text(image.python_version);
      launch_.file.clear();
      return {};
    }
    if (!launch_.untraced_reason.empty() || !image.is_python()) {
      return {};
    }
    switch (settings_.host) {
      case HostChoice::kAuto:
      case HostChoice::kExec:
        break;
      case HostChoice::kEmbed:
        launch_.libpython =
            image.kind == ExecutableKind::kSharedPython
                ? image.libpython
                : find_libpython(image.python_version, launch_.file, launch_.environment);
        if (launch_.libpython.empty()) {
          return fail("--host embed: there is no libpython" + version_text(image.python_version) +
                      ".so for " + launch_.file + "; install it, or use --host exec");
        }
        break;
    }
    return {};
  }

  const LaunchSettings& settings_;
  const std::string& current_folder_;
  Launch launch_;
};

}  // namespace

Result<Launch> plan_launch(const LaunchSettings& settings,
                           const std::string& current_folder,
                           Environment environment) {
  return Planner(settings, current_folder, std::move(environment)).plan();
}

}  // namespace vtn::launcher
