// SPDX-License-Identifier: Apache-2.0
//
// CPython's audit events as marks (--log_audit): all of them, or those whose names match one of the
// settings' regular expressions. The hook that hears of them stays for the life of the process, and
// every audited operation pays for it.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Before the backend is installed.
void start_audits();

// Whether any are wanted: then the hook is to stay.
bool audits_wanted();

// From the hook: with the GIL; leaves the error indicator as it is.
void tell_audit(const char* event, PyObject* arguments);

}  // namespace vtn::runtime
