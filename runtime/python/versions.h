// SPDX-License-Identifier: Apache-2.0
//
// What differs between the versions of CPython 3, by name: nothing else in the runtime asks for a
// version. Each fact says where CPython tells of it; where no issue was found, on which versions it
// was tried. Where the C API itself shows a difference (a function that is there or not) the table
// of python_api.h is asked instead.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/python_abi.h"

namespace vtn::runtime {

// `version` as PY_VERSION_HEX.
constexpr bool is_too_old(uint32_t version) { return (version >> 16) < kOldestPython; }
constexpr uint32_t minor_version(uint32_t version) { return (version >> 16) & 0xff; }

// -- How calls are heard of

// sys.monitoring: 3.12, PEP 669. From then on the profile function is built on it, and the
// program's own sits beside ours, under a tool id of its own; before, a thread has one.
constexpr bool has_monitoring(uint32_t minor) { return minor >= 12; }
constexpr bool has_one_profiler_per_thread(uint32_t minor) { return minor < 12; }

// The evaluation function (PEP 523) is worth its guards where a Python-to-Python call is inlined
// (3.11, bpo-45256) and no monitoring is to be had: +17 ns a call against +85 by the profile
// function, measured on 3.11.
constexpr bool evaluation_function_pays(uint32_t minor) { return minor == 11; }

// Tier 2 of 3.14 corrupts a frame's locals while any tool is active: gh-156319, open, no fixed
// version so far.
constexpr bool jit_corrupts_locals(uint32_t minor) { return minor == 14; }

// C code may send monitoring events of its own by PyMonitoring_Fire*: 3.13, gh-111997. Cython does,
// and its PY_RESUME comes with the exception set that the generator is resumed for (seen with
// Cython 3.3.1 on 3.13.0).
constexpr bool c_code_sends_events(uint32_t minor) { return minor >= 13; }

// -- Calls of C functions

// A bound method of a C function called as f(*args): CALL comes with the method and no end ever
// does, on purpose from 3.14 on (gh-122029), where a method is seen in no other way. Before, the
// end is missing for the instruction CALL_FUNCTION_EX alone: tried on 3.12.1, 3.13.0 and 3.13.15.
constexpr bool ends_of_methods_are_unseen(uint32_t minor) { return minor >= 14; }

// CALL_FUNCTION_EX in the numbering of 3.12 and 3.13, as the `opcode` modules of 3.12.1 and 3.13.0
// have it. (From 3.13 on numbers are given out anew for each version: gh-105481.)
constexpr unsigned call_function_ex(uint32_t minor) { return minor == 12 ? 142 : 54; }

// The number of a type's state is never given again (bpo-44914), and it is 0 once the type was
// changed: 3.11. Each interpreter counts for itself from 3.12 on.
constexpr bool has_version_tags(uint32_t minor) { return minor >= 11; }

// -- Code objects

// co_qualname: 3.11, bpo-44530.
constexpr bool code_has_qualname(uint32_t minor) { return minor >= 11; }

// The instruction that a frame begins with and goes on with, in its version's numbering (the
// `opcode` modules): 3.11, bpo-46009. 0: there is none, a frame begins at offset -1.
constexpr unsigned resume_opcode(uint32_t minor) {
  return minor < 11 ? 0 : minor < 13 ? 151 : minor == 13 ? 149 : 128;
}

// How many instructions a FOR_ITER that is through leaves out where it jumps to: END_FOR, and in
// 3.13 the POP_TOP behind it (FOR_ITER in Python/bytecodes.c).
constexpr uint32_t left_out_behind_loops(uint32_t minor) { return minor == 13 ? 2 : 1; }

// The standard library's frozen code is one object for all interpreters: since 3.11 (deep-freeze,
// bpo-45696) and until 3.13 took that out (gh-108716). gh-100227 keeps it to the main
// interpreter in 3.12, on which nothing here relies.
constexpr bool frozen_code_is_shared(uint32_t minor) { return minor == 11 || minor == 12; }

// A function goes to another interpreter by its code (Interpreter.call, PEP 734), if that is as it
// was made, without a co_extra: 3.14 (_PyCode_VerifyStateless; seen on 3.14 and 3.15).
constexpr bool code_is_handed_on_untouched(uint32_t minor) { return minor >= 14; }

// Where exceptions go is a table of the code: 3.11, bpo-40222. Before, instructions set it up.
constexpr bool has_exception_table(uint32_t minor) { return minor >= 11; }

// A handler begins with an instruction of its own, which has no line: 3.11 (PUSH_EXC_INFO).
constexpr bool handlers_begin_apart(uint32_t minor) { return minor >= 11; }

// The table of a code's lines has columns, too: 3.11, PEP 657. 3.10: PEP 626.
constexpr bool lines_have_positions(uint32_t minor) { return minor >= 11; }

// What CPython puts at the end of a handler for what that raises has a line, which is that of what
// came before: 3.11 (seen on 3.11.2 and 3.11.7; not on 3.12.1 and later).
constexpr bool ends_of_handlers_have_lines(uint32_t minor) { return minor == 11; }

// Instructions count all variables of a frame from 0: 3.11 (bpo-43693). Before, cells and free ones
// by themselves.
constexpr bool instructions_count_all_variables(uint32_t minor) { return minor >= 11; }

// A thread state has the kernel's number of its thread, right behind CPython's: 3.11, bpo-44771.
constexpr bool thread_state_has_kernel_id(uint32_t minor) { return minor >= 11; }

// -- Text

// Where the characters of an ASCII str lie: behind its head, from which 3.12 took a word (PEP 623).
// check_ascii_text() of layout.h compares what is read there with what the API says.
constexpr intptr_t ascii_characters(uint32_t minor) { return minor < 12 ? 48 : 40; }

// -- Modules of our own

// struct _frozen: 3.10 marks packages by a negative size; 3.11 and 3.12 have a function behind it
// (deep-freeze, bpo-45696), which 3.13 took out (gh-108716).
constexpr size_t frozen_row_bytes(uint32_t minor) { return minor == 11 || minor == 12 ? 32 : 24; }
constexpr bool frozen_packages_by_sign(uint32_t minor) { return minor < 11; }

// Py_mod_multiple_interpreters: 3.12, gh-99113. Before, an unknown slot is an error.
constexpr bool modules_say_interpreters(uint32_t minor) { return minor >= 12; }

// -- Frames, where they are read by offset

// 3.10: PyFrameObject holds the code: after its head, size and f_back. 3.11: it holds its inner
// frame after its head and f_back, and that the code after function, globals, builtins and locals
// (frame objects made when asked for: bpo-44590).
struct FrameLayout {
  intptr_t inner_frame;  // within the frame object; 0: it holds the code itself
  intptr_t code;         // within whichever holds it; 0: not known
};
inline constexpr intptr_t kInnerFrameFunction = 0;
inline constexpr intptr_t kInnerFrameGlobals = 8;  // of 3.11; borrowed
inline constexpr intptr_t kInnerFrameCode = 32;
inline constexpr intptr_t kInnerFrameOwner = 69;     // of 3.11; a byte
inline constexpr unsigned char kOwnerGenerator = 1;  // its value where a generator has the frame
constexpr FrameLayout frame_layout(uint32_t minor) {
  switch (minor) {
    case 10:
      return {0, 16 + 8 + 8};
    case 11:
      return {16 + 8, kInnerFrameCode};
    default:
      return {0, 0};
  }
}

// The chain of interpreter frames (pycore_frame.h of each version; the self-test of
// capture/caller_lines.cc compares what is read by it with what the API says). 3.10: every frame is
// an object, and asking the API for its caller is as good.
struct ChainLayout {
  intptr_t code;
  intptr_t previous;      // 0: there is no such chain
  intptr_t instruction;   // the one that runs, or the last word of its cache
  intptr_t owner;         // a byte; 0: frames that run nothing are not in the chain
  intptr_t thread_field;  // of a thread state: 0: searched for; else it leads on to
  intptr_t current;       // the current frame within that
};
constexpr ChainLayout chain_layout(uint32_t minor) {
  switch (minor) {
    case 11:
      return {kInnerFrameCode, 48, 56, 0, 56, 8};
    case 12:
      return {0, 8, 56, 70, 56, 0};
    case 13:
      return {0, 8, 56, 70, 0, 0};
    case 14:
    case 15:
      return {0, 8, 56, 74, 0, 0};
    default:
      return {};
  }
}

// Where an interpreter's frame has what names are looked up in (_PyInterpreterFrame of
// pycore_frame.h), from 3.10 (where it is an object) to 3.15. Who reads by it compares the first
// two with the API's answers.
struct NamesLayout {
  intptr_t globals;
  intptr_t builtins;
  intptr_t locals;  // of classes, modules and what is executed; null of functions
};
constexpr NamesLayout names_of_frame(uint32_t minor) {
  return minor == 10   ? NamesLayout{48, 40, 56}
         : minor == 11 ? NamesLayout{kInnerFrameGlobals, 16, 24}
                       : NamesLayout{24, 32, 40};
}

// Where a frame's variables begin, its arguments first, in the order of co_varnames: of 3.10 within
// the frame object (behind 20 blocks of 12 bytes), from 3.11 on within the interpreter's frame
// (localsplus of pycore_frame.h). 0: not known.
constexpr intptr_t frame_variables(uint32_t minor) {
  switch (minor) {
    case 10:
      return 352;
    case 11:
    case 12:
    case 13:
      return 72;
    case 14:
    case 15:
      return 80;
    default:
      return 0;
  }
}

// An argument that an inner function uses lies in a cell when the function begins, in its own place
// among the variables: 3.11 (bpo-43693). Before, that place is empty and the cell lies elsewhere.
constexpr bool cells_replace_arguments(uint32_t minor) { return minor >= 11; }

// PyFrame_GetVar: 3.12, gh-91248. Asking older frames for a variable writes all of them where the
// program may see it.
constexpr bool frames_tell_variables(uint32_t minor) { return minor >= 12; }

// Where a frame keeps its stack pointer, which is right at each event of an instruction: 3.14
// (gh-117139). Before, it is kept at some of the events only, so the depth is found out from the
// code (tried on 3.12.1 to 3.15). 0: not known.
constexpr intptr_t frame_stack_pointer(uint32_t minor) { return minor >= 14 ? 64 : 0; }

// What a trace function of opcodes reads and writes of a frame: struct _frame of 3.10's
// cpython/frameobject.h, and of 3.11's pycore_frame.h with _PyInterpreterFrame. Both are right at
// each of its events, but for the instructions behind an EXTENDED_ARG, of which there is none
// (bpo-45256 kept it so). Who reads by it compares the first answers with the API's.
struct TraceLayout {
  intptr_t trace_lines;    // of a frame object, a byte
  intptr_t trace_opcodes;  // likewise
  intptr_t instruction;    // 3.10: its number, an int; 3.11: its address
  intptr_t depth;          // an int: how many words lie on the stack
  intptr_t stack;          // where the stack begins; 0: the variables count as well, from theirs on
  intptr_t object;         // of the interpreter's frame; 3.10 has no other
  intptr_t frame_of_thread;  // from c_tracefunc in a thread state; 3.11: see ChainLayout
  intptr_t tracing;          // likewise, an int: how many trace and profile functions run
  intptr_t caller;           // of a frame: the one that goes on when it ends
};
constexpr TraceLayout trace_layout(uint32_t minor) {
  switch (minor) {
    case 10:
      return {84, 85, 96, 80, 64, 0, -40, -20, 24};
    case 11:
      return {44, 45, 56, 64, 0, 40, 0, -28, 48};
    default:
      return {};
  }
}

// A word of the stack with these bits is a number of CPython's own, no object: 3.14.
inline constexpr uintptr_t kTaggedNumber = 3;
constexpr bool has_tagged_numbers(uint32_t minor) { return minor >= 14; }

// A generator begins with what it is sent on its stack: before 3.13, where RETURN_GENERATOR puts
// it there (gh-111058; dis.stack_effect of 3.10.13 to 3.13.0).
constexpr bool generators_begin_with_a_value(uint32_t minor) { return minor < 13; }

// Owners of the frames in a chain, from this one on, that run nothing of the program's: 3.12
// (tried on 3.12.1 to 3.15).
inline constexpr unsigned char kOwnerInterpreter = 3;

// From the instructions of a code object back to the index of the first that a tracer may see, with
// co_extra between them: 3.12 (tried on 3.12.1 to 3.15).
inline constexpr intptr_t kFirstTraceableBack = 16;

// The word of a frame that holds its code is a stack reference, whose lowest bits are tags: 3.14,
// gh-117139. Before, an address, which has none of them set.
inline constexpr uintptr_t kReferenceTags = 3;

// A thread state points to its current frame itself; before, by its C frame: 3.13, gh-108035.
constexpr bool thread_state_holds_frame(uint32_t minor) { return minor >= 13; }

// Versions whose instructions are known (variables/opcode_rows.h): one table for each.
inline constexpr uint32_t kFirstKnownOpcodes = 10;
inline constexpr uint32_t kLastKnownOpcodes = 15;

// -- Debuggers

// A debugger's opcode events are lost beside another tool's (capture/own_debuggers.h): 3.13, where
// sys.settrace asks for them itself (python/cpython#157900; seen on 3.13.0, 3.14, 3.15).
constexpr bool opcode_events_need_restart(uint32_t minor) { return minor >= 13; }

// -- Threads and interpreters

// "A profile function is set" stands in the first byte of the C frame that the thread state points
// to (3.10, bpo-43760): an int, 1; from 3.11 on 255, which is or-ed into opcodes (the same issue).
// 3.12 has none.
constexpr unsigned char tracing_mark(uint32_t minor) { return minor == 10 ? 1 : 255; }

// From a thread state's c_profilefunc to its c_profileobj, with c_tracefunc between them: 3.10 and
// 3.11 (seen in their cpython/pystate.h).
inline constexpr intptr_t kProfileObjectDistance = 16;

// An interpreter may have a GIL of its own: 3.12, PEP 684.
constexpr bool interpreters_have_own_gil(uint32_t minor) { return minor >= 12; }

// While the module _imp is made for a new interpreter, that is the current one. From 3.13 on, where
// gh-112723 took new_interpreter() apart, it cannot be relied upon.
constexpr bool new_interpreter_is_current(uint32_t minor) { return minor < 13; }

}  // namespace vtn::runtime
