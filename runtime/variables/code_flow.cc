// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/code_flow.h"

#include <string.h>

#include "base/freestanding/pages.h"

namespace vtn::runtime {

namespace {

constexpr size_t kMostScratchBytes = size_t{256} << 20;
constexpr int kMostRounds = 64;            // code goes on mostly, so there are few
constexpr uint32_t kFirstBlock = 2;        // of numbers of blocks, which begin with the first unit
constexpr uint32_t kFastArgumentBits = 4;  // of each of two variables

// Of a value: the kind in the highest byte, the index below.
using Word = uint32_t;
constexpr unsigned kKindShift = 24;
constexpr Word kUnknownOrigin = 0;

Word word_of(OriginKind kind, uint32_t index) {
  return index >> kKindShift == 0 ? Word{static_cast<Word>(kind) << kKindShift | index}
                                  : kUnknownOrigin;
}
Origin origin_of(Word word) {
  return {static_cast<OriginKind>(word >> kKindShift), word & ((Word{1} << kKindShift) - 1)};
}

struct Handler {
  uint32_t target;  // in units, as everything below
  uint32_t depth;   // what is left of the stack; behind it come
  uint32_t pushed;  // the exception, and where it came from
};

class Flow {
 public:
  Flow(uint32_t minor, const CodeText& text, StackEffect effect)
      : all_(minor, text), text_(text), effect_(effect), units_(all_.units()) {}
  ~Flow() {
    if (scratch_ != nullptr) {
      unmap_pages(scratch_, scratch_bytes_);
    }
  }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  bool follow_all() {
    if (!all_.known() || !take_scratch() || !read_handlers() || !mark_targets()) {
      return false;
    }
    target_[0] = 1;
    arrive(0, state_, text_.begins_resumed ? 1 : 0);
    while (!failed_ && pending_count_ != 0) {
      const uint32_t unit = pending_[--pending_count_];
      is_pending_[unit] = 0;
      follow(unit);
    }
    return !failed_;
  }

  // After follow_all().
  void visit_stores(VisitStore visit, void* argument) {
    uint32_t depth = 0;
    for (uint32_t unit = 0; unit < units_;) {
      const Instruction at = all_.decode(unit);
      if (depth_[unit] == 0) {  // is never reached
        unit = at.next;
        continue;
      }
      if (target_[unit] != 0) {
        depth = load(unit);
      }
      tell_stores(at, depth, visit, argument);
      depth = apply(at, depth);
      unit = at.next;
    }
  }

  // After follow_all().
  void visit_ways(VisitWay visit, void* argument) {
    if (all_.set_up_handlers()) {
      follow_blocks();
    }
    for (uint32_t unit = 0; unit < units_;) {
      const Instruction at = all_.decode(unit);
      const auto tell = [&](uint32_t to, WayKind kind) {
        visit({all_.told_at(at) * kUnitBytes, all_.told_at(all_.decode(to)) * kUnitBytes, kind},
              argument);
      };
      if (depth_[unit] == 0) {  // is never reached
        unit = at.next;
        continue;
      }
      if (const uint32_t handler = handler_at(unit, at); handler < units_ && depth_[handler] != 0) {
        tell(handler, WayKind::kIsRaised);
      }
      if (at.step == Step::kPopsException && !ends_context(at)) {
        tell(unit, WayKind::kPopsException);
      }
      if (jumps(at.step)) {
        tell(all_.target_of(at), WayKind::kGoesOn);
        if (const uint32_t behind = all_.behind_loop(at); behind < units_) {
          tell(behind, WayKind::kGoesOn);
        }
      }
      if (goes_on(at.step) && at.next < units_) {
        tell(at.next, WayKind::kGoesOn);
      } else if (at.step == Step::kReturns || at.step == Step::kRaises) {
        tell(unit, at.step == Step::kReturns ? WayKind::kReturns : WayKind::kRaises);
      } else if (at.step == Step::kEnds &&
                 at.argument == 0) {  // else it has an instruction to name
        tell(unit, WayKind::kGoesOnRaising);
      }
      unit = at.next;
    }
  }

 private:
  template <class T>
  T* carve(size_t count, size_t* used) const {
    T* const place = reinterpret_cast<T*>(static_cast<char*>(scratch_) + *used);
    *used += (count * sizeof(T) + 7) / 8 * 8;
    return place;
  }

  bool take_scratch() {
    width_ = size_t{text_.stack_size} + 2;
    handler_count_ = text_.handler_bytes / 4 + 1;  // of a byte each: start, length, target, depth
    const size_t states = (size_t{units_} + 2) * width_ * sizeof(Word);
    const size_t bytes = states + size_t{units_} * (3 * sizeof(uint32_t) + 2) +
                         handler_count_ * sizeof(Handler) + 64;
    if (units_ == 0 || bytes > kMostScratchBytes) {
      return false;
    }
    scratch_ = map_pages(bytes);
    scratch_bytes_ = bytes;
    if (scratch_ == nullptr) {
      return false;
    }
    size_t used = 0;
    states_ = carve<Word>(size_t{units_} * width_, &used);
    state_ = carve<Word>(width_, &used);
    handler_state_ = carve<Word>(width_, &used);
    depth_ = carve<uint32_t>(units_, &used);
    pending_ = carve<uint32_t>(units_, &used);
    handler_of_ = carve<uint32_t>(units_, &used);
    handlers_ = carve<Handler>(handler_count_, &used);
    target_ = carve<uint8_t>(units_, &used);
    is_pending_ = carve<uint8_t>(units_, &used);
    return true;
  }

  // A number of the exception table, six bits a byte, the highest first.
  bool read_number(size_t* at, uint32_t* number) const {
    *number = 0;
    while (*at < text_.handler_bytes) {
      const unsigned char byte = text_.handlers[(*at)++];
      *number = *number << 6 | (byte & 63u);
      if ((byte & 64u) == 0) {
        return true;
      }
    }
    return false;
  }

  bool read_handlers() {
    size_t count = 0;
    for (size_t at = 0; at < text_.handler_bytes;) {
      uint32_t start = 0;
      uint32_t length = 0;
      uint32_t target = 0;
      uint32_t rest = 0;
      if (!read_number(&at, &start) || !read_number(&at, &length) || !read_number(&at, &target) ||
          !read_number(&at, &rest) || count == handler_count_ || start > units_ ||
          length > units_ - start || target >= units_) {
        return false;
      }
      handlers_[count++] = {target, rest >> 1, 1 + (rest & 1)};
      target_[target] = 1;
      for (uint32_t unit = start; unit < start + length; ++unit) {
        handler_of_[unit] = static_cast<uint32_t>(count);
      }
    }
    return true;
  }

  // Where an exception of the instruction goes; one beyond the end: nowhere in this code.
  uint32_t handler_at(uint32_t unit, const Instruction& at) const {
    if (!all_.set_up_handlers()) {
      const uint32_t handler = handler_of_[at.offset];
      return handler == 0 ? units_ : handlers_[handler - 1].target;
    }
    const uint32_t block = handler_of_[unit];
    return block < kFirstBlock ? units_ : all_.target_of(all_.decode(block - kFirstBlock));
  }

  // Whether it is that of a `with` that kept an exception to itself, and drops what it called next:
  // the end of an `except` drops nothing, but may be that of another around it.
  bool ends_context(const Instruction& at) const {
    if (at.next >= units_) {
      return false;
    }
    const Instruction next = all_.decode(at.next);
    return next.step != Step::kPopsException && !jumps(next.step) && goes_on(next.step) &&
           effect_(next.opcode, static_cast<int>(next.argument), 0) < 0;
  }

  // Where instructions set handlers up: handler_of_ is now the one that did last, where its handler
  // is not taken down yet. A handler itself is below all that.
  void follow_blocks() {
    constexpr uint32_t kNoBlock = 1;
    const auto enter = [this](uint32_t unit, uint32_t block) {
      const bool is_new = unit < units_ && handler_of_[unit] == 0;
      if (is_new) {
        handler_of_[unit] = block;
      }
      return is_new;
    };
    bool changed = enter(0, kNoBlock);
    for (int round = 0; changed && round < kMostRounds; ++round) {
      changed = false;
      for (uint32_t unit = 0; unit < units_;) {
        const Instruction at = all_.decode(unit);
        uint32_t block = handler_of_[unit];
        if (block != 0 && jumps(at.step)) {
          changed = enter(all_.target_of(at), block) || changed;
        }
        if (at.step == Step::kSetsUp && block != 0) {
          block = unit + kFirstBlock;
        } else if (at.step == Step::kTakesDown && block >= kFirstBlock) {
          block = handler_of_[block - kFirstBlock];
        }
        if (block != 0 && goes_on(at.step)) {
          changed = enter(at.next, block) || changed;
        }
        unit = at.next;
      }
    }
  }

  bool mark_targets() {
    for (uint32_t unit = 0; unit < units_;) {
      const Instruction at = all_.decode(unit);
      if (jumps(at.step)) {
        const uint32_t target = all_.target_of(at);
        if (target == units_) {
          return false;
        }
        target_[target] = 1;
      }
      unit = at.next;
    }
    return true;
  }

  // The stack is `state` where the target begins: what differs from what it was on another way is
  // not known there.
  void arrive(uint32_t target, const Word* state, uint32_t depth) {
    if (depth > text_.stack_size || (depth_[target] != 0 && depth_[target] != depth + 1)) {
      failed_ = true;
      return;
    }
    Word* const known = states_ + size_t{target} * width_;
    bool changed = depth_[target] == 0;
    if (changed) {
      memcpy(known, state, depth * sizeof(Word));
      depth_[target] = depth + 1;
    } else {
      for (uint32_t i = 0; i < depth; ++i) {
        if (known[i] != state[i] && known[i] != kUnknownOrigin) {
          known[i] = kUnknownOrigin;
          changed = true;
        }
      }
    }
    if (changed && is_pending_[target] == 0) {
      is_pending_[target] = 1;
      pending_[pending_count_++] = target;
    }
  }

  uint32_t load(uint32_t unit) {
    const uint32_t depth = depth_[unit] - 1;
    memcpy(state_, states_ + size_t{unit} * width_, depth * sizeof(Word));
    return depth;
  }

  void follow(uint32_t unit) {
    uint32_t depth = load(unit);
    for (bool begins = true; !failed_; begins = false) {
      if (unit >= units_) {
        failed_ = true;
        return;
      }
      if (!begins && target_[unit] != 0) {
        arrive(unit, state_, depth);
        return;
      }
      depth_[unit] = depth + 1;
      const Instruction at = all_.decode(unit);
      raise_at(at.offset, depth);
      if (jumps(at.step)) {
        jump(at, depth);
      }
      if (!goes_on(at.step)) {
        return;
      }
      depth = apply(at, depth);
      unit = at.next;
    }
  }

  // From any instruction to its handler.
  void raise_at(uint32_t unit, uint32_t depth) {
    if (handler_of_[unit] == 0) {
      return;
    }
    const Handler& handler = handlers_[handler_of_[unit] - 1];
    const uint32_t handled = handler.depth + handler.pushed;
    if (handler.depth > depth) {
      return;  // 3.15 has such at the end of a generator expression: none that can raise
    }
    if (handled > text_.stack_size) {
      failed_ = true;
      return;
    }
    memcpy(handler_state_, state_, handler.depth * sizeof(Word));
    for (uint32_t i = handler.depth; i < handled; ++i) {
      handler_state_[i] = kUnknownOrigin;
    }
    arrive(handler.target, handler_state_, handled);
  }

  // Depth afterwards; failed_ where that cannot be.
  uint32_t depth_after(const Instruction& at, uint32_t depth, int jumps) {
    const int change = effect_(at.opcode, static_cast<int>(at.argument), jumps);
    const int64_t after = int64_t{depth} + change;
    if (after < 0 || after > text_.stack_size) {
      failed_ = true;
      return 0;
    }
    return static_cast<uint32_t>(after);
  }

  void jump(const Instruction& at, uint32_t depth) {
    const uint32_t after = depth_after(at, depth, 1);
    if (failed_) {
      return;
    }
    memcpy(handler_state_, state_, (after < depth ? after : depth) * sizeof(Word));
    uint32_t known = after;
    if (at.step == Step::kPushesOrJumps) {
      known = after < 2 ? 0 : after - 2;
    } else if (at.step == Step::kSetsUp) {
      known = depth < 1 ? 0 : depth - 1;
    }
    for (uint32_t i = known; i < after; ++i) {
      handler_state_[i] = kUnknownOrigin;
    }
    arrive(all_.target_of(at), handler_state_, after);
  }

  void set(uint32_t slot, Word origin) {
    if (slot < width_) {
      state_[slot] = origin;
    }
  }
  Word get(uint32_t slot) const { return slot < width_ ? state_[slot] : kUnknownOrigin; }

  // Goes on behind it: the depth afterwards.
  uint32_t apply(const Instruction& at, uint32_t depth) {
    const uint32_t after = depth_after(at, depth, 0);
    if (failed_) {
      return 0;
    }
    const uint32_t first = at.argument >> kFastArgumentBits;
    const uint32_t second = at.argument & ((1u << kFastArgumentBits) - 1);
    switch (at.step) {
      case Step::kLoadsFast:
        set(depth, word_of(OriginKind::kVariable, at.argument));
        return after;
      case Step::kLoadsDeref:
        set(depth, word_of(OriginKind::kVariable, at.argument + text_.first_cell));
        return after;
      case Step::kLoadsTwoFast:
        set(depth, word_of(OriginKind::kVariable, first));
        set(depth + 1, word_of(OriginKind::kVariable, second));
        return after;
      case Step::kLoadsAndClears:
        set(depth, word_of(OriginKind::kHidden, at.argument));
        return after;
      case Step::kLoadsName:
        set(depth, word_of(OriginKind::kName, at.argument));
        return after;
      case Step::kLoadsConstant:
        set(depth, word_of(OriginKind::kConstant, at.argument));
        return after;
      case Step::kLoadsGlobal:
        if (after == depth + 1) {
          set(depth, word_of(OriginKind::kName, at.argument >> 1));
          return after;
        }
        forget(after, 2);  // with the empty place that a function is called with
        return after;
      case Step::kStoresAndLoadsFast:
        set(depth - 1, word_of(OriginKind::kVariable, second));
        return after;
      case Step::kSwaps: {
        const Word top = get(depth - 1);
        set(depth - 1, get(depth - at.argument));
        set(depth - at.argument, top);
        return after;
      }
      case Step::kRotates: {
        const Word top = get(depth - 1);
        for (uint32_t i = 1; i < at.argument && i < depth; ++i) {
          set(depth - i, get(depth - i - 1));
        }
        set(depth - at.argument, top);
        return after;
      }
      case Step::kCopies:
        set(depth, get(depth - at.argument));
        return after;
      case Step::kCopiesTwo:
        set(depth, get(depth - 2));
        set(depth + 1, get(depth - 1));
        return after;
      default:
        forget(after, pushes(at.step, static_cast<int64_t>(after) - depth));
        return after;
    }
  }

  // How many values it may have pushed.
  static uint32_t pushes(Step step, int64_t change) {
    const uint32_t more = change > 0 ? static_cast<uint32_t>(change) : 0;
    switch (step) {
      case Step::kPushesOne:
      case Step::kPushesOrJumps:
        return 1;
      case Step::kLoadsAttribute:
        return 1 + more;
      case Step::kOther:
      case Step::kSetsUp:
        return more + 1 < 2 ? 2 : more + 1;
      default:
        return 0;
    }
  }

  void forget(uint32_t depth, uint32_t count) {
    for (uint32_t i = depth < count ? 0 : depth - count; i < depth; ++i) {
      set(i, kUnknownOrigin);
    }
  }

  void tell_store(const Instruction& at,
                  uint32_t depth,
                  Step step,
                  uint32_t index,
                  uint32_t below,
                  VisitStore visit,
                  void* argument) const {
    FoundStore store = {};
    if (depth <= below) {
      return;
    }
    store.offset = all_.told_at(at) * kUnitBytes;
    store.step = step;
    store.index = index + (step == Step::kStoresDeref ? text_.first_cell : 0);
    store.depth = depth;
    store.below = below;
    const bool has_owner =
        step == Step::kStoresAttribute || step == Step::kStoresItem || step == Step::kStoresSlice;
    if (has_owner) {
      // Right above the value.
      store.owner = origin_of(get(depth - below));
    } else {
      const Origin value = origin_of(get(depth - 1 - below));
      const bool by_variable = step == Step::kStoresFast || step == Step::kStoresDeref;
      const Word hidden = word_of(OriginKind::kHidden, index);
      store.restores = by_variable && value.kind == OriginKind::kHidden && value.index == index;
      for (uint32_t i = 0; by_variable && !store.restores && i < depth; ++i) {
        store.within_comprehension = store.within_comprehension || get(i) == hidden;
      }
      if (value.kind == OriginKind::kConstant && at.next < units_) {
        const Instruction next = all_.decode(at.next);
        store.is_end_of_handler = next.step == Step::kDeletes && next.argument == index;
      }
    }
    visit(store, argument);
  }

  void tell_stores(const Instruction& at, uint32_t depth, VisitStore visit, void* argument) const {
    const uint32_t first = at.argument >> kFastArgumentBits;
    const uint32_t second = at.argument & ((1u << kFastArgumentBits) - 1);
    switch (at.step) {
      case Step::kStoresTwoFast:
        tell_store(at, depth, Step::kStoresFast, first, 0, visit, argument);
        tell_store(at, depth, Step::kStoresFast, second, 1, visit, argument);
        return;
      case Step::kStoresAndLoadsFast:
        tell_store(at, depth, Step::kStoresFast, first, 0, visit, argument);
        return;
      case Step::kStoresFast:
      case Step::kStoresName:
      case Step::kStoresGlobal:
      case Step::kStoresDeref:
        tell_store(at, depth, at.step, at.argument, 0, visit, argument);
        return;
      case Step::kStoresAttribute:
        tell_store(at, depth, at.step, at.argument, 1, visit, argument);
        return;
      case Step::kStoresItem:
        tell_store(at, depth, at.step, 0, 2, visit, argument);
        return;
      case Step::kStoresSlice:
        tell_store(at, depth, at.step, 0, 3, visit, argument);
        return;
      default:
        return;
    }
  }

  const Instructions all_;
  const CodeText& text_;
  const StackEffect effect_;
  const uint32_t units_;
  bool failed_ = false;
  size_t width_ = 0;
  void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
  size_t handler_count_ = 0;
  uint32_t pending_count_ = 0;
  Word* states_ = nullptr;  // where a target begins
  Word* state_ = nullptr;   // of the instruction at hand
  Word* handler_state_ = nullptr;
  uint32_t* depth_ = nullptr;  // and one; 0: not reached
  uint32_t* pending_ = nullptr;
  uint32_t* handler_of_ = nullptr;  // and one
  Handler* handlers_ = nullptr;
  uint8_t* target_ = nullptr;
  uint8_t* is_pending_ = nullptr;
};

// Whether the code is understood, which is followed then.
template <class Visit>
bool follow(uint32_t minor, const CodeText& text, StackEffect effect, Visit&& visit) {
  Flow flow(minor, text, effect);
  if (!flow.follow_all()) {
    return false;
  }
  visit(flow);
  return true;
}

}  // namespace

bool find_stores(
    uint32_t minor, const CodeText& text, StackEffect effect, VisitStore visit, void* argument) {
  return follow(minor, text, effect, [&](Flow& flow) { flow.visit_stores(visit, argument); });
}

bool find_ways(
    uint32_t minor, const CodeText& text, StackEffect effect, VisitWay visit, void* argument) {
  return follow(minor, text, effect, [&](Flow& flow) { flow.visit_ways(visit, argument); });
}

}  // namespace vtn::runtime
