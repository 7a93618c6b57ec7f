// SPDX-License-Identifier: Apache-2.0
//
// The program's own debugger beside us. From 3.13 on CPython loses the opcode events that a frame
// asks for (frame.f_trace_opcodes = True) when sys.settrace comes after that and another tool
// listens to the same calls and returns: the table of who is to hear of each instruction is made
// then, and begins empty (https://github.com/python/cpython/issues/157900). That is the order in
// which bdb's set_trace goes about it, so breakpoint() would stop at the line after its own.
// Telling CPython to restart all events fills the table; that is done by a step behind
// sys.settrace.
//
// On 3.10 and 3.11 the same step tells instruction_trace.h, whose frame would be told of opcodes to
// the program's function.
#pragma once

namespace vtn::runtime {

// Puts the step there. In each interpreter with the monitoring backend, or where instructions are
// traced; needs the GIL.
void watch_settrace();

// Takes it away: recording has stopped. Needs the GIL.
void leave_settrace();

}  // namespace vtn::runtime
