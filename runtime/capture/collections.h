// SPDX-License-Identifier: Apache-2.0
//
// --log_gc: each run of the cyclic garbage collector as a slice on the thread that it runs in, with
// what it found as the slice's value. CPython tells of them by the list gc.callbacks, in which a
// function of ours stands first while this is on; `gc` is imported for it.
#pragma once

namespace vtn::runtime {

// In the current interpreter, before its program begins. Leaves no error set. Where the list cannot
// be had nothing is told.
void start_collections();

// Ours is taken out of the list again.
void stop_collections();

}  // namespace vtn::runtime
