/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that opens libpython late: late_python LIBPYTHON isolated|plain WHAT...
 *   run TEXT       PyRun_SimpleString
 *   call MODULE F  PyImport_ImportModule, and a call of its function F
 *   again          Py_Finalize and Py_Initialize
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  int type;
  const char* function;
  const char* message;
  int exit_code;
} py_status;

static void* g_python;

static void* function(const char* name) {
  void* found = dlsym(g_python, name);
  if (found == NULL) {
    fprintf(stderr, "no %s\n", name);
  }
  return found;
}

int main(int argc, char** argv) {
  static char preconfig[4096];
  if (argc < 3 || (g_python = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  if (strcmp(argv[2], "isolated") == 0) {
    ((void (*)(void*))function("PyPreConfig_InitIsolatedConfig"))(preconfig);
    if (((py_status(*)(const void*))function("Py_PreInitialize"))(preconfig).type != 0) {
      return 3;
    }
  }
  void (*const initialise)(int) = (void (*)(int))function("Py_InitializeEx");
  initialise(0);
  for (int i = 3; i < argc; ++i) {
    if (strcmp(argv[i], "run") == 0 && i + 1 < argc) {
      ((int (*)(const char*))function("PyRun_SimpleString"))(argv[++i]);
    } else if (strcmp(argv[i], "call") == 0 && i + 2 < argc) {
      void* module = ((void* (*)(const char*))function("PyImport_ImportModule"))(argv[i + 1]);
      void* result = module == NULL ? NULL
                                    : ((void* (*)(void*, const char*, const char*, ...))function(
                                          "PyObject_CallMethod"))(module, argv[i + 2], NULL);
      if (result == NULL) {
        ((void (*)(void))function("PyErr_Print"))();
      }
      i += 2;
    } else if (strcmp(argv[i], "again") == 0) {
      ((int (*)(void))function("Py_FinalizeEx"))();
      initialise(0);
    }
  }
  return ((int (*)(void))function("Py_FinalizeEx"))();
}
