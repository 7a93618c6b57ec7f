// SPDX-License-Identifier: Apache-2.0
//
// An evaluation function as PEP 523 extensions (debuggers, torch dynamo) set one: it does nothing
// but call CPython's own. Loaded by programs/shapes.py with ctypes; needs no header of CPython.
#define _GNU_SOURCE
#include <dlfcn.h>

typedef void* (*EvalFrame)(void* thread_state, void* frame, int throwing);
typedef void* (*GetInterpreter)(void);
typedef void (*SetEvalFrame)(void* interpreter, EvalFrame function);

static EvalFrame g_default;
static long g_calls;

static void* counted(void* thread_state, void* frame, int throwing) {
  g_calls++;
  return g_default(thread_state, frame, throwing);
}

// 0 when the function is set.
__attribute__((visibility("default"))) int set_eval_frame(void) {
  union {
    void* object;
    EvalFrame eval;
    GetInterpreter get;
    SetEvalFrame set;
  } symbol;
  symbol.object = dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
  g_default = symbol.eval;
  symbol.object = dlsym(RTLD_DEFAULT, "PyInterpreterState_Get");
  GetInterpreter get = symbol.get;
  symbol.object = dlsym(RTLD_DEFAULT, "_PyInterpreterState_SetEvalFrameFunc");
  if (!symbol.object) {
    symbol.object = dlsym(RTLD_DEFAULT, "PyUnstable_InterpreterState_SetEvalFrameFunc");
  }
  SetEvalFrame set = symbol.set;
  if (!g_default || !get || !set) {
    return 1;
  }
  set(get(), counted);
  return 0;
}

__attribute__((visibility("default"))) long eval_frame_calls(void) { return g_calls; }
