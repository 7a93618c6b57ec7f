// SPDX-License-Identifier: Apache-2.0
//
// Which Python: --python, else $VIRTUAL_ENV, else python3 on PATH. Nothing is run to find out.
#pragma once

#include <string>

#include "base/result.h"
#include "launcher/target/environment.h"

namespace vtn::launcher {

struct Interpreter {
  std::string path;   // the executable; pyenv's shims are looked through
  std::string argv0;  // what the program's sys.orig_argv[0] would be without us
};

// The interpreter that `wanted` (a path, a virtual environment's folder, or a name on PATH) means.
// The environment is edited where a pyenv shim was looked through.
Result<Interpreter> find_interpreter(const std::string& wanted,
                                     const std::string& current_folder,
                                     Environment& environment);

// `python_option` is the value of --python, or empty.
Result<Interpreter> discover_interpreter(const std::string& python_option,
                                         const std::string& current_folder,
                                         Environment& environment);

}  // namespace vtn::launcher
