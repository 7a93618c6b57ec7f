// SPDX-License-Identifier: Apache-2.0
//
// How a program imports our package with nothing installed: rows of our own in CPython's table of
// frozen modules (PyImport_FrozenModules), a public pointer that may be set at any time. Until it
// is imported, sys.modules, sys.path, sys.meta_path and sys.builtin_module_names are as in a plain
// run; what shows is _imp._frozen_module_names(), from 3.11 on.
#pragma once

namespace vtn::runtime {

// In the main interpreter, with the GIL; leaves no error set. Where it cannot be, the package is
// not to be had, and nothing else is the worse for it.
void offer_package();

}  // namespace vtn::runtime
