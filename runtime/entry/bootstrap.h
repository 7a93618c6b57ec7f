// SPDX-License-Identifier: Apache-2.0
//
// How recording begins. In a process that is started below the launcher by itself, at the program's
// own first frame. In one that runs already, when it is told to: the shim was loaded into it with a
// session of its own, and nothing was changed so far.
#pragma once

namespace vtn::runtime {

// With the GIL; leaves no error set. Calls that are open in any thread begin now. False: this
// interpreter stays untraced, for a reason that is told in the session.
bool begin_late();

// Whether either has happened.
bool is_begun();

}  // namespace vtn::runtime
