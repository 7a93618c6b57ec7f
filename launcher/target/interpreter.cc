// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/interpreter.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/file.h"
#include "launcher/target/executable.h"
#include "launcher/target/pyenv.h"

namespace vtn::launcher {

namespace {

std::string python_in(const std::string& folder) {
  for (const char* name : {"/bin/python3", "/bin/python"}) {
    if (is_executable_file(folder + name)) {
      return folder + name;
    }
  }
  return "";
}

// Of the environment whose `bin` the launcher was called by; empty: that is none. A link elsewhere, as tools
// of their own have (pipx, uv tool), is not in it.
std::string python_beside_launcher() {
  const auto* const called = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (called == nullptr || strchr(called, '/') == nullptr) {
    return {};
  }
  const std::string environment = folder_of(folder_of(called));
  return access((environment + "/pyvenv.cfg").c_str(), F_OK) == 0 ? python_in(environment)
                                                                   : std::string();
}

}  // namespace

Result<Interpreter> find_interpreter(const std::string& wanted,
                                     const std::string& current_folder,
                                     Environment& environment) {
  Interpreter interpreter;
  if (is_folder(wanted)) {
    interpreter.path = python_in(wanted);
    interpreter.argv0 = interpreter.path;
    if (interpreter.path.empty()) {
      return fail(wanted + ": the folder has no bin/python3");
    }
  } else {
    interpreter.path = find_on_path(wanted, environment.get("PATH"));
    interpreter.argv0 = wanted;
    if (interpreter.path.empty() && is_regular_file(wanted) &&
        version_of_library_name(name_of(wanted)) != 0) {
      interpreter.path = wanted;  // a library needs no execute permission
    }
  }
  if (interpreter.path.empty()) {
    if (wanted.find('/') == wanted.npos) {
      return fail(wanted + ": not found on PATH", ENOENT);
    }
    return access(wanted.c_str(), F_OK) == 0 ? fail(wanted + ": not an executable file", EACCES)
                                             : fail(wanted + ": no such file", ENOENT);
  }
  if (const auto root = pyenv_shim_root(interpreter.path)) {
    VTN_ASSIGN(interpreter.path,
               resolve_pyenv_shim(*root, name_of(interpreter.path), current_folder, environment));
    interpreter.argv0 = interpreter.path;
  }
  return interpreter;
}

Result<Interpreter> discover_interpreter(const std::string& python_option,
                                         const std::string& current_folder,
                                         Environment& environment) {
  if (!python_option.empty()) {
    auto found = find_interpreter(python_option, current_folder, environment);
    return found ? found : fail("--python " + found.error().message);
  }
  const std::string on_path = find_on_path("python3", environment.get("PATH"));
  const std::string virtual_environment = environment.get_or_empty("VIRTUAL_ENV");
  if (!virtual_environment.empty()) {
    const std::string python = python_in(virtual_environment);
    // An active one stands first on PATH, and then python3 is what its user types.
    if (!python.empty() && (on_path.empty() || folder_of(on_path) != folder_of(python) ||
                            !is_same_file(on_path, python))) {
      return find_interpreter(python, current_folder, environment);
    }
  }
  if (const std::string python = python_beside_launcher();
      virtual_environment.empty() && !python.empty()) {
    return find_interpreter(python, current_folder, environment);
  }
  if (on_path.empty()) {
    return fail("cannot find python3 on PATH; name an interpreter with --python PATH");
  }
  return find_interpreter("python3", current_folder, environment);
}

}  // namespace vtn::launcher
