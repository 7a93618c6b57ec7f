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

extern char** environ;

namespace {

// VIZTRACER_NATIVE_HOST=<libpython>\n<interpreter>
constexpr char kEntry[] = "VIZTRACER_NATIVE_HOST=";
constexpr size_t kEntryBytes = sizeof(kEntry) - 1;

// Takes the entry out of the environment and returns its value. The array is edited in place: the
// C library has not been asked to change it, so it is still the kernel's.
char* take_entry() {
  char* value = nullptr;
  char** to = environ;
  for (char** from = environ; *from != nullptr; ++from) {
    if (strncmp(*from, kEntry, kEntryBytes) == 0) {
      value = *from + kEntryBytes;
    } else {
      *to++ = *from;
    }
  }
  *to = nullptr;
  return value;
}

const char* name_of(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace

int main(int argc, char** argv) {
  char* libpython = take_entry();
  if (libpython == nullptr || argc < 1) {
    fputs("vtn-embed-host is started by viztracer-native only\n", stderr);
    return 2;
  }
  char* interpreter = strchr(libpython, '\n');
  if (interpreter != nullptr) {
    *interpreter++ = '\0';
  }
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
    if (interpreter != nullptr) {
      (void)execv(interpreter, argv);
      fprintf(stderr, "viztracer-native: cannot run %s: %s\n", interpreter, strerror(errno));
    }
    return 126;
  }
  errno = 0;
  return main_function(argc, argv);
}
