// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/frames.h"

namespace vtn::runtime {

namespace {

constexpr PySize kMostThreadBytes = 256;  // of a thread state, searched for its frame

}  // namespace

ChainLayout g_chain;

void start_frames() { g_chain = chain_layout(g_python.minor); }

PySize find_code_start() {
  const PyRef start =
      PyRef::steal(g_python.PyObject_GetAttrString(g_python.PyCode_Type, "__basicsize__"));
  const long bytes = start ? g_python.PyLong_AsLong(start.get()) : 0;
  g_python.PyErr_Clear();
  return bytes > kHeadBytes ? bytes : 0;
}

int32_t start_offset(PyObject* code) {
  if (resume_opcode(g_python.minor) == 0 || g_python.PyCode_GetCode == nullptr) {
    return -1;
  }
  const PyRef instructions = PyRef::steal(g_python.PyCode_GetCode(code));  // as if not monitored
  char* bytes = nullptr;
  PySize size = 0;
  if (!instructions || g_python.PyBytes_AsStringAndSize(instructions.get(), &bytes, &size) != 0) {
    g_python.PyErr_Clear();
    return -1;
  }
  PySize at = 0;
  while (at < size && static_cast<unsigned char>(bytes[at]) != resume_opcode(g_python.minor)) {
    at += 2;
  }
  return static_cast<int32_t>(at);
}

bool find_current_frame(const PyThread* state) {
  PyFrame* object = g_python.PyEval_GetFrame();
  if (object == nullptr) {
    return false;
  }
  const void* const frame = frame_of_object(object);
  if (!thread_state_holds_frame(g_python.minor)) {
    return current_frame(state) == frame;
  }
  intptr_t& found = g_chain.thread_field;
  if (found != 0 && current_frame(state) == frame) {
    return true;
  }
  for (found = sizeof(void*); found < kMostThreadBytes; found += sizeof(void*)) {
    if (current_frame(state) == frame) {
      return true;
    }
  }
  return false;
}

}  // namespace vtn::runtime
