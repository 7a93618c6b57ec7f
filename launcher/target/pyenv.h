// SPDX-License-Identifier: Apache-2.0
//
// pyenv puts a shell script ("shim") on PATH for every command of every Python it has installed;
// the script takes some thirty processes to find out which one is meant. This finds it as `pyenv
// exec` would, without running anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "launcher/target/environment.h"

namespace vtn::launcher {

// PYENV_ROOT if `path` is a shim that pyenv wrote; nothing otherwise.
std::optional<std::string> pyenv_shim_root(const std::string& path);

// Where the shim of `command` leads, given the environment (PYENV_VERSION, PYENV_DIR, PATH) and the
// current folder (.python-version upwards from it). Edits the environment as pyenv would leave it
// for the program.
Result<std::string> resolve_pyenv_shim(const std::string& root,
                                       const std::string& command,
                                       const std::string& current_folder,
                                       Environment& environment);

}  // namespace vtn::launcher
