// SPDX-License-Identifier: Apache-2.0
//
// The embed host: runs a Python program with a libpython opened here, in place of the thin
// executable that its interpreter is. To the program it must look like that interpreter: the same
// argv, environment, descriptors and process name. No C++ library: nothing of ours but this file
// is in the process.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "abi/session_abi.h"

namespace {

const char* name_of(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace

int main(int argc, char** argv) {
  // What it stands for is in the session, which the preload library knows: the interpreter, then
  // the libpython. So it works as well when the program executes it once more.
  using NamesFunction = const char* (*)();
  const auto names = reinterpret_cast<NamesFunction>(dlsym(RTLD_DEFAULT, vtn::kHostSymbol));
  const char* interpreter = names != nullptr ? names() : nullptr;
  if (interpreter == nullptr || argc < 1) {
    fputs("vtn-embed-host is started by viztracer-native only\n", stderr);
    return 2;
  }
  const char* libpython = interpreter + strlen(interpreter) + 1;
  (void)prctl(PR_SET_NAME, name_of(argv[0]));
  using MainFunction = int (*)(int, char**);
  void* library = dlopen(libpython, RTLD_NOW | RTLD_GLOBAL);
  auto main_function =
      library == nullptr ? nullptr : reinterpret_cast<MainFunction>(dlsym(library, "Py_BytesMain"));
  if (main_function == nullptr) {
    // The program runs all the same, in the interpreter itself.
    const char* reason = dlerror();
    fprintf(stderr,
            "viztracer-native: cannot open %s (%s): the program runs untraced\n",
            libpython,
            reason != nullptr ? reason : "it lacks Py_BytesMain");
    if (interpreter[0] != '\0') {
      (void)execv(interpreter, argv);
      fprintf(stderr, "viztracer-native: cannot run %s: %s\n", interpreter, strerror(errno));
    }
    return 126;
  }
  errno = 0;
  return main_function(argc, argv);
}
