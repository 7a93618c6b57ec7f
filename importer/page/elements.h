// SPDX-License-Identifier: Apache-2.0
//
// The data of a report.html, element by element (docs/PAGE_FORMAT.md): scripts with an id that
// begins with "vtn-". Whatever else is in the page is passed over. Thread-bound.
#pragma once

#include <string>

#include "base/result.h"
#include "importer/byte_source.h"

namespace vtn::importer {

struct PageElement {
  std::string name;     // "meta", "calls", ...; the number behind it is left out
  uint64_t offset = 0;  // of its content in the file
  std::string content;  // unpacked; of "meta" as it stands
  bool sound = false;   // else it does not unpack
};

class PageElements {
 public:
  explicit PageElements(ByteSource& source) : source_(source) {}

  // Elements that are not wanted cost no unpacking. False: there are no more.
  template <class Wanted>
  Result<bool> next(PageElement& element, Wanted&& wanted) {
    for (;;) {
      VTN_ASSIGN(const bool found, find(element));
      if (!found || wanted(element.name)) {
        if (found) {
          unpack(element);
        }
        return found;
      }
    }
  }
  // The last element has been met: nothing is missing.
  bool whole() const { return whole_; }
  uint64_t offset() const { return offset_ + at_; }

 private:
  Result<bool> find(PageElement& element);
  void unpack(PageElement& element);
  Result<size_t> find_text(std::string_view text, size_t from);
  Result<bool> more();

  ByteSource& source_;
  std::string window_;
  size_t at_ = 0;
  uint64_t offset_ = 0;  // of the window
  std::string_view packed_;
  bool plain_ = false;
  bool whole_ = false;
};

}  // namespace vtn::importer
