// SPDX-License-Identifier: Apache-2.0
//
// The three ways to hear of calls. Each install runs with the GIL, before the first frame of the
// program, and leaves no error set.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// A build whose handlers return at once: what CPython alone charges for calling them. The baseline
// of the benchmarks (libvtn_runtime_nop.so), never installed.
#ifdef VTN_DO_NOTHING
inline constexpr bool kDoNothing = true;
#else
inline constexpr bool kDoNothing = false;
#endif

// The best of the three, in the current interpreter; taken out of it again. `uninstall` leaves the
// interpreter as if there had never been one, but for the callback type and the co_extra index.
bool install_backend();
void uninstall_backend();

// The backend of the main interpreter in another one, the current.
bool install_backend_again();

// sys.monitoring, 3.12 and later (monitoring_tool.cc). False: no id is free, or it was refused.
bool install_monitoring(bool with_c_functions);
void uninstall_monitoring();

// In the current interpreter a function is recorded. Where filters hide others nothing but
// beginnings of code are asked for until then; now the rest is.
void want_all_events();

// Code that is hidden runs in the current interpreter though no filter hides any: from now on
// handlers ask who is.
void monitoring_meets_hidden_code();

// The main interpreter begins anew: nothing that was kept of it is there any more.
void forget_monitoring();

// The profile function, thread by thread (profile_threads.h). False: refused.
bool install_profile(bool with_c_functions);

void uninstall_profile();

// Sets the profile function on one thread state. False: refused, that thread stays untraced.
bool set_profile(PyThread* thread_state);

void remove_profile(PyThread* thread_state);

// There is code that is hidden though no filter hides any, or whose ends are of interest: from now
// on ends are told by their code. Before its first call.
void profile_tells_ends_by_code();

// Whether the backend is the profile function.
bool profile_installed();

bool eval_frame_installed();

// PEP 523 evaluation function, 3.11 without C functions. False: another one is there.
bool install_eval_frame();

// On 3.10 and 3.11 beside the profile function: for --log_exception, and for --log_var and its
// like.
void watch_frames();

// Ours is taken out of every interpreter that has it. Frames that it began end unrecorded.
void uninstall_eval_frame();
void pause_eval_frame();
void resume_eval_frame();

// Looks whether somebody else's evaluation function took the place of ours: then the profile
// function takes over. Cheap; called at chunk changes.
void check_eval_frame();

}  // namespace vtn::runtime
