# SPDX-License-Identifier: Apache-2.0
"""What the two libraries ask of, and add to, the processes they are loaded into.

VTN_RUNTIME and VTN_SHIM name them. Both must load into processes of any C library's age, so every
import is unversioned or at most of GLIBC_2.17; the shim needs no library, the runtime none but the C
library; both export only what is listed here.
"""

import os
import re
import subprocess
import unittest

MAY_NEED = {"VTN_RUNTIME": {"libc.so.6"}, "VTN_SHIM": set()}
EXPORTS = {
    "VTN_RUNTIME": re.compile(r"vtn_runtime_\w+|PyInit_viztracer_native|InitializeInjectionNvtx2"),
    # The libc functions it stands in front of, and its handshake with the runtime.
    "VTN_SHIM": re.compile(
        r"PyInit__viztracer_native|vtn_enter_session|vtn_session_folder|vtn_embedded_python|setlocale|pthread_setspecific|_exit|_Exit|"
        r"exec(l|le|lp|v|ve|veat|vp|vpe)|fexecve|posix_spawnp?|pidfd_spawnp?|"
        r"system|popen|pclose|fclose|syscall|dlsym|getenv|wait|wait3|wait4|waitid|waitpid"),
}
NEWEST_GLIBC = (2, 17)
# Of the C++ library or its ABI: none of it may be wanted or given.
CXX_SYMBOL = re.compile(r"_ZS|_ZNS|_ZNKS|_ZN9__gnu_cxx|_ZT[VIS]|__cxa_(?!finalize)|__gxx_|_Unwind_|"
                        r"_Zn[wa]|_Zd[la]|__gcc_")
HEAP = {"malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "strdup"}
THREADS_AND_SIGNALS = {"pthread_create", "sigaction", "signal", "sigset", "thrd_create", "timer_create",
                       "setitimer"}


def tool(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


class Library:
    def __init__(self, path):
        self.path = path
        dynamic = tool("readelf", "-dW", path)
        self.needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
        self.flags = dynamic
        self.imports, self.exports, self.versions = [], [], {}
        for line in tool("readelf", "--dyn-syms", "-W", path).splitlines():
            match = re.match(r"\s*\d+:\s+[0-9a-f]+\s+\S+\s+(\w+)\s+(\w+)\s+(\w+)\s+(\S+)\s+(\S+)", line)
            if not match or match[1] == "SECTION" or match[2] == "LOCAL":
                continue
            name, _, version = match[5].partition("@")
            if match[4] == "UND":
                self.imports.append(name)
                self.versions[name] = version.lstrip("@")
            elif match[3] in ("DEFAULT", "PROTECTED"):
                self.exports.append(name)
        self.tls = "TLS" in tool("readelf", "-lW", path)


class Symbols(unittest.TestCase):
    def libraries(self):
        for key in ("VTN_RUNTIME", "VTN_SHIM"):
            path = os.environ.get(key)
            self.assertTrue(path and os.path.exists(path), f"{key}: {path} is not there")
            yield key, Library(path)

    def each(self, faults_of):
        for key, library in self.libraries():
            with self.subTest(key):
                self.assertEqual([], sorted(faults_of(key, library)))

    def test_needed_libraries(self):
        self.each(lambda key, library: set(library.needed) - MAY_NEED[key])

    def test_imports_are_unversioned_or_old(self):
        def faults(_, library):
            for name, version in library.versions.items():
                number = re.match(r"GLIBC_(\d+)\.(\d+)", version)
                if version and (not number or tuple(map(int, number.groups())) > NEWEST_GLIBC):
                    yield f"{name}@{version}"
        self.each(faults)

    def test_shim_imports_carry_no_version_at_all(self):
        for key, library in self.libraries():
            if key == "VTN_SHIM":
                self.assertEqual({}, {name: version for name, version in library.versions.items()
                                      if version})

    def test_exports_are_on_the_list(self):
        self.each(lambda key, library: [name for name in library.exports
                                        if not EXPORTS[key].fullmatch(name)])

    def test_nothing_of_the_cxx_library(self):
        self.each(lambda _, library: [name for name in library.imports + library.exports
                                      if CXX_SYMBOL.match(name)])

    def test_no_heap_no_thread_no_signal_handler(self):
        # (What the shim stands in front of it exports, and does not import.)
        self.each(lambda _, library: set(library.imports) & (HEAP | THREADS_AND_SIGNALS))

    def test_only_the_shim_owns_thread_local_storage(self):
        for key, library in self.libraries():
            if key == "VTN_RUNTIME":
                self.assertFalse(library.tls, "the runtime has thread-local storage of its own")

    def test_no_executable_stack_and_no_text_relocations(self):
        for key, library in self.libraries():
            with self.subTest(key):
                self.assertNotIn("TEXTREL", library.flags)
                stack = re.search(r"GNU_STACK.*", tool("readelf", "-lW", library.path))
                self.assertIsNotNone(stack)
                self.assertNotIn("RWE", stack[0])


if __name__ == "__main__":
    unittest.main()
