// SPDX-License-Identifier: Apache-2.0
//
// One thread on its way into a window (window.h): which calls are open, which of them are in it.
// Thread-bound.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "spool/codec.h"
#include "spool/columns.h"
#include "spool/writer.h"

namespace vtn::spool {

// What all threads of a window have in common.
struct WindowBorders {
  uint64_t from_ticks = 0;
  uint64_t to_ticks = UINT64_MAX;
  uint32_t tick_step = 1;
};

// Where the frames of a window go; their buffers.
struct WindowOutput {
  Writer& writer;
  FrameEncoder encoder;
  FrameColumns columns;
};

class WindowThread {
 public:
  // `functions`, by id: see WindowRequest; null: all calls. `open` is what was open in front of the
  // thread's first frame, outermost first.
  WindowThread(const WindowBorders& borders,
               const EventsFrame& first,
               const std::vector<bool>* functions,
               const std::vector<OpenCall>& open);

  // Whether the frame can be passed on as it is: all of it is in the window, and none of its calls
  // began before that.
  bool takes_whole(const EventsFrame& head) const;
  // Whether it is enough to know the frame's lists.
  bool needs_lists_only(const EventsFrame& head) const;
  bool done() const { return closed_; }

  // The next frame of the thread. With its lists only (decode_side()) where that is enough.
  Status skip(const DecodedFrame& frame);
  Status pass_whole(const DecodedFrame& frame, std::string_view bytes, WindowOutput& output);
  Status pass(const DecodedFrame& frame, WindowOutput& output);
  // After the last one. `alive_until`: when its calls ended at the latest.
  Status finish(uint64_t alive_until, WindowOutput& output);

  // How many calls are open below the one that has so many below it in the whole recording; none:
  // it is not in the window, or does not stay open there.
  std::optional<uint32_t> depth_in_window(uint32_t depth) const;

 private:
  struct Call {
    OpenCall call;     // begins where it does in the window
    bool gap = false;  // no call
    bool kept = false;
    uint32_t arguments = 0;       // how many values are known
    std::string argument_values;  // value_abi.h
  };

  bool is_root(uint32_t id) const {
    return functions_ == nullptr || (id < functions_->size() && (*functions_)[id]);
  }
  void push(Call call);
  uint32_t kept_calls() const;
  Status open(WindowOutput& output);
  Status close(WindowOutput& output);
  void begin_frame(WindowOutput& output, size_t ops);
  void put_op(FrameColumns& to, uint64_t ticks, uint32_t code);
  Status end_frame(WindowOutput& output, uint32_t lowest, uint32_t deepest);
  friend class WindowFrame;

  const WindowBorders& borders_;
  uint64_t from_ticks_;  // where there is no border, when the thread begins
  const std::vector<bool>* functions_;
  EventsFrame head_;  // image, thread, tid; sequence of the next frame
  std::vector<Call> stack_;
  size_t root_ = SIZE_MAX;  // the outermost call that is kept; SIZE_MAX: none is
  bool begun_ = false;
  bool closed_ = false;
  uint64_t last_ticks_ = 0;  // of the last op in the window
};

}  // namespace vtn::spool
