// SPDX-License-Identifier: Apache-2.0
//
// From wall-clock times that the program took to stamps of the recording. Between two moments at
// which all clocks were read, when recording began and now, they go straight: so a time within that
// is exact to what a read takes, however long the program runs.
#pragma once

#include <stdint.h>

namespace vtn::runtime {

// Reads the clocks once. Again in another session.
void start_wall_times();

class WallTimes {
 public:
  WallTimes();  // as of now

  // Times before the start, or to come, are taken for that moment; `exact`: it was not so.
  uint64_t ticks_of(int64_t wall_ns, bool* exact) const;

 private:
  uint64_t now_ticks_;
  int64_t now_wall_ns_;
  double ticks_per_ns_;
};

}  // namespace vtn::runtime
