/* SPDX-License-Identifier: Apache-2.0
 *
 * As the boot loader of a frozen program (PyInstaller, Nuitka): the interpreter is given a command
 * line or none (boot_loader argv|none ...), and then code objects, by no PyRun_* function. Built by
 * the test against each interpreter's own headers and library; PYTHON is its executable.
 */
#include <Python.h>

#include <marshal.h>
#include <string.h>

static void run(const char* text, const char* file, int compile_it) {
  PyObject* module = PyImport_AddModule("__main__");
  PyObject* names = PyModule_GetDict(module);
  PyObject* code = NULL;
  if (compile_it) {
    code = Py_CompileString(text, file, Py_file_input);
  } else {
    PyObject* bytes = PyDict_GetItemString(names, text);
    code = PyMarshal_ReadObjectFromString(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
  }
  PyObject* result = code == NULL ? NULL : PyEval_EvalCode(code, names, names);
  if (result == NULL) {
    PyErr_Print();
  }
  Py_XDECREF(result);
  Py_XDECREF(code);
}

int main(int argc, char** argv) {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  if (argc > 1 && strcmp(argv[1], "argv") == 0) {
    config.parse_argv = 0;
    PyConfig_SetBytesArgv(&config, argc, argv);
  }
  PyConfig_SetBytesString(&config, &config.program_name, PYTHON);
  PyStatus status = Py_InitializeFromConfig(&config);
  if (PyStatus_Exception(status)) {
    Py_ExitStatusException(status);
  }
  run("import json, marshal\n"
      "def leaf(n): return n\n"
      "def work(n): return sum(leaf(i) for i in range(n))\n"
      "print(work(50), json.dumps([1]))\n"
      "frozen = marshal.dumps(compile('print(work(10), flush=True)', 'frozen.py', 'exec'))\n",
      "boot.py",
      1);
  run("def second(): return work(10)\nprint(second(), flush=True)\n", "app.py", 1);
  run("frozen", NULL, 0);
  return Py_FinalizeEx() < 0;
}
