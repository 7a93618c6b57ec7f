// SPDX-License-Identifier: Apache-2.0
//
// The tool that libraries find which mark ranges by NVTX (nvtx_abi.h): the shim names this library
// to them where no other tool is named. Ranges become spans, told at their end, for a push need not
// be popped by the function that made it, nor a start ended by its thread; marks become instants.
//
// Called on any thread, with or without the GIL, so nothing of Python is touched: no more is done
// than to write a note (tracer/thread_writer.h).
#include <string.h>

#include "base/freestanding/lock.h"
#include "runtime/capture/recording_thread.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/process.h"
#include "runtime/known/nvtx_abi.h"
#include "runtime/known/nvtx_texts.h"
#include "runtime/marks/made_names.h"
#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

constexpr char kCategory[] = "nvtx";
constexpr char kUnnamed[] = "range";
constexpr uint32_t kMostStarted = 1024;  // at once, in a process

// By start and end: their number is the slot's, and how often it was used above it.
struct StartedRange {
  NvtxOpenRange range;
  uint64_t epoch;  // ids are not a child's
  uint32_t use;
  bool is_open;
};

StartedRange g_started[kMostStarted];  // under nvtx_ranges_lock

// A text of any kind as UTF-8.
class Message {
 public:
  explicit Message(const char* text) { set(text); }
  explicit Message(const wchar_t* text) { set(text); }
  explicit Message(const NvtxEvent& event) {
    if (event.text_type == NvtxText::kAscii) {
      set(event.text.ascii);
    } else if (event.text_type == NvtxText::kUnicode) {
      set(event.text.unicode);
    } else if (event.text_type == NvtxText::kRegistered) {
      text_ = nvtx_text(NvtxTextKind::kMessage, event.text.registered);
    }
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  tracer::Text text() const { return text_.bytes == 0 ? text_of(kUnnamed) : text_; }
  tracer::Text as_it_is() const { return text_; }

 private:
  void set(const char* text) {
    if (text != nullptr) {
      text_ = {text, strnlen(text, kMaxNameBytes)};
    }
  }
  void set(const wchar_t* text) {
    size_t used = 0;
    for (; text != nullptr && *text != 0 && used + kMostCharacterBytes <= sizeof(own_); ++text) {
      used += put_utf8(static_cast<uint32_t>(*text), own_ + used);
    }
    text_ = {own_, used};
  }

  tracer::Text text_ = {};
  char own_[kMaxNameBytes];
};

// Null: nothing is recorded.
tracer::ThreadState* recording() { return is_traced() ? recording_thread() : nullptr; }

uint64_t now() { return tracer::read_ticks(tracer::g_engine.clock); }

// Its own name, unless the process makes too many of them.
tracer::Text name_to_use(tracer::Text own) {
  return library_may_name(own) ? own : text_of(kUnnamed);
}

NvtxOpenRange open_range(const void* domain, const NvtxEvent* event, tracer::Text message) {
  NvtxOpenRange range = {};
  range.domain = domain;
  if (message.bytes != 0) {
    tracer::ensure_process();
    range.name = tracer::intern_function({FunctionKind::kSpan, name_to_use(message)});
  }
  if (event != nullptr && event->size_bytes >= sizeof(NvtxEvent)) {
    range.category = event->category;
    range.payload_type = static_cast<uint32_t>(event->payload_type);
    range.payload = event->payload.unsigned64;
  }
  range.begin_ticks = now();
  return range;
}

void add_payload(Mark* mark, const NvtxOpenRange& range) {
  const auto read = [&](auto value) {
    memcpy(&value, &range.payload, sizeof(value));
    return value;
  };
  switch (static_cast<NvtxPayload>(range.payload_type)) {
    case NvtxPayload::kUnsigned64:
    case NvtxPayload::kSigned64:
      mark->add_number("payload", read(int64_t{0}));
      break;
    case NvtxPayload::kUnsigned32:
      mark->add_number("payload", read(uint32_t{0}));
      break;
    case NvtxPayload::kSigned32:
      mark->add_number("payload", read(int32_t{0}));
      break;
    case NvtxPayload::kDouble:
      mark->add_real("payload", read(double{0}));
      break;
    case NvtxPayload::kFloat:
      mark->add_real("payload", static_cast<double>(read(float{0})));
      break;
    default:
      break;
  }
}

void add_values(Mark* mark, const NvtxOpenRange& range) {
  if (const tracer::Text domain = nvtx_text(NvtxTextKind::kDomain, range.domain);
      domain.bytes != 0) {
    mark->add_text("domain", domain);
  }
  if (const tracer::Text category = nvtx_category(range.domain, range.category);
      category.bytes != 0) {
    mark->add_text("category", category);
  } else if (range.category != 0) {
    mark->add_number("category", range.category);
  }
  add_payload(mark, range);
}

void tell_range(tracer::ThreadState* thread, const NvtxOpenRange& range, uint64_t end_ticks) {
  Mark mark(/*safely=*/true);
  mark.add_span_length(range.begin_ticks, end_ticks);
  add_values(&mark, range);
  mark.record_as(thread, NoteKind::kSpan, range.name, range.begin_ticks);
}

void tell_mark(const void* domain, const NvtxEvent* event, tracer::Text message) {
  tracer::ThreadState* const thread = recording();
  if (thread == nullptr) {
    return;
  }
  const NvtxOpenRange here = open_range(domain, event, {});
  Mark mark(/*safely=*/true);
  add_values(&mark, here);
  mark.record(thread,
              MarkKind::kInstant,
              mark_name(MarkKind::kInstant, name_to_use(message), text_of(kCategory)),
              here.begin_ticks);
}

// What lies deeper than there is room for is not told.
int push(const void* domain, const NvtxEvent* event, tracer::Text message) {
  tracer::ThreadState* const thread = recording();
  if (thread != nullptr) {
    ThreadPart* const part = part_of(thread);
    if (part->nvtx_count == kMostNvtxRanges) {
      ++part->nvtx_deeper;
    } else {
      part->nvtx[part->nvtx_count++] = open_range(domain, event, message);
    }
  }
  return kNvtxNotCounted;
}

int pop(const void* domain) {
  const uint64_t end_ticks = now();
  tracer::ThreadState* const thread = tracer::current_thread();
  ThreadPart* const part = part_of(thread);
  if (part->nvtx_deeper != 0) {
    --part->nvtx_deeper;
    return kNvtxNotCounted;
  }
  uint32_t at = part->nvtx_count;
  while (at != 0 && part->nvtx[at - 1].domain != domain) {
    --at;
  }
  if (at == 0) {
    return kNvtxNotCounted;
  }
  const NvtxOpenRange range = part->nvtx[at - 1];
  --part->nvtx_count;
  memmove(
      &part->nvtx[at - 1], &part->nvtx[at], (part->nvtx_count - (at - 1)) * sizeof(part->nvtx[0]));
  if (recording() != nullptr) {
    tell_range(thread, range, end_ticks);
  }
  return kNvtxNotCounted;
}

uint64_t start(const void* domain, const NvtxEvent* event, tracer::Text message) {
  if (recording() == nullptr) {
    return 0;
  }
  const NvtxOpenRange range = open_range(domain, event, message);
  const WordLock lock(&runtime_root()->nvtx_ranges_lock);
  for (uint32_t i = 0; i < kMostStarted; ++i) {
    StartedRange& slot = g_started[i];
    if (!slot.is_open) {
      slot = {range, tracer::g_engine.epoch, slot.use + 1, true};
      return (uint64_t{slot.use} << 32) | (i + 1);
    }
  }
  return 0;
}

void end(uint64_t id) {
  const uint64_t end_ticks = now();
  const uint64_t slot = (id & UINT32_MAX) - 1;
  if (slot >= kMostStarted) {
    return;
  }
  StartedRange ended;
  {
    const WordLock lock(&runtime_root()->nvtx_ranges_lock);
    StartedRange& open = g_started[slot];
    ended = open;
    if (!open.is_open || open.use != id >> 32) {
      return;
    }
    open.is_open = false;
  }
  tracer::ThreadState* const thread = recording();
  if (thread != nullptr && ended.epoch == tracer::g_engine.epoch) {
    tell_range(thread, ended.range, end_ticks);
  }
}

// ---- what libraries call

void mark_ex(const NvtxEvent* event) { tell_mark(nullptr, event, Message(*event).text()); }
void mark_a(const char* text) { tell_mark(nullptr, nullptr, Message(text).text()); }
void mark_w(const wchar_t* text) { tell_mark(nullptr, nullptr, Message(text).text()); }
uint64_t start_ex(const NvtxEvent* event) { return start(nullptr, event, Message(*event).text()); }
uint64_t start_a(const char* text) { return start(nullptr, nullptr, Message(text).text()); }
uint64_t start_w(const wchar_t* text) { return start(nullptr, nullptr, Message(text).text()); }
int push_ex(const NvtxEvent* event) { return push(nullptr, event, Message(*event).text()); }
int push_a(const char* text) { return push(nullptr, nullptr, Message(text).text()); }
int push_w(const wchar_t* text) { return push(nullptr, nullptr, Message(text).text()); }
int pop_any() { return pop(nullptr); }

void domain_mark(const void* domain, const NvtxEvent* event) {
  tell_mark(domain, event, Message(*event).text());
}
uint64_t domain_start(const void* domain, const NvtxEvent* event) {
  return start(domain, event, Message(*event).text());
}
void domain_end(const void*, uint64_t id) { end(id); }
int domain_push(const void* domain, const NvtxEvent* event) {
  return push(domain, event, Message(*event).text());
}

void domain_category_a(const void* domain, uint32_t category, const char* text) {
  (void)keep_nvtx_text(NvtxTextKind::kCategory, Message(text).as_it_is(), domain, category);
}
void domain_category_w(const void* domain, uint32_t category, const wchar_t* text) {
  (void)keep_nvtx_text(NvtxTextKind::kCategory, Message(text).as_it_is(), domain, category);
}
void category_a(uint32_t category, const char* text) { domain_category_a(nullptr, category, text); }
void category_w(uint32_t category, const wchar_t* text) {
  domain_category_w(nullptr, category, text);
}
const void* register_a(const void*, const char* text) {
  return keep_nvtx_text(NvtxTextKind::kMessage, Message(text).as_it_is());
}
const void* register_w(const void*, const wchar_t* text) {
  return keep_nvtx_text(NvtxTextKind::kMessage, Message(text).as_it_is());
}
const void* create_a(const char* text) {
  return keep_nvtx_text(NvtxTextKind::kDomain, Message(text).as_it_is());
}
const void* create_w(const wchar_t* text) {
  return keep_nvtx_text(NvtxTextKind::kDomain, Message(text).as_it_is());
}

struct Row {
  NvtxModule module;
  unsigned number;
  NvtxFunction function;
};

template <class F>
constexpr NvtxFunction as_function(F* function) {
  return reinterpret_cast<NvtxFunction>(function);
}

const Row kRows[] = {
    {NvtxModule::kCore, kNvtxMarkEx, as_function(mark_ex)},
    {NvtxModule::kCore, kNvtxMarkA, as_function(mark_a)},
    {NvtxModule::kCore, kNvtxMarkW, as_function(mark_w)},
    {NvtxModule::kCore, kNvtxRangeStartEx, as_function(start_ex)},
    {NvtxModule::kCore, kNvtxRangeStartA, as_function(start_a)},
    {NvtxModule::kCore, kNvtxRangeStartW, as_function(start_w)},
    {NvtxModule::kCore, kNvtxRangeEnd, as_function(end)},
    {NvtxModule::kCore, kNvtxRangePushEx, as_function(push_ex)},
    {NvtxModule::kCore, kNvtxRangePushA, as_function(push_a)},
    {NvtxModule::kCore, kNvtxRangePushW, as_function(push_w)},
    {NvtxModule::kCore, kNvtxRangePop, as_function(pop_any)},
    {NvtxModule::kCore, kNvtxNameCategoryA, as_function(category_a)},
    {NvtxModule::kCore, kNvtxNameCategoryW, as_function(category_w)},
    {NvtxModule::kCore2, kNvtxDomainMarkEx, as_function(domain_mark)},
    {NvtxModule::kCore2, kNvtxDomainRangeStartEx, as_function(domain_start)},
    {NvtxModule::kCore2, kNvtxDomainRangeEnd, as_function(domain_end)},
    {NvtxModule::kCore2, kNvtxDomainRangePushEx, as_function(domain_push)},
    {NvtxModule::kCore2, kNvtxDomainRangePop, as_function(pop)},
    {NvtxModule::kCore2, kNvtxDomainNameCategoryA, as_function(domain_category_a)},
    {NvtxModule::kCore2, kNvtxDomainNameCategoryW, as_function(domain_category_w)},
    {NvtxModule::kCore2, kNvtxDomainRegisterStringA, as_function(register_a)},
    {NvtxModule::kCore2, kNvtxDomainRegisterStringW, as_function(register_w)},
    {NvtxModule::kCore2, kNvtxDomainCreateA, as_function(create_a)},
    {NvtxModule::kCore2, kNvtxDomainCreateW, as_function(create_w)},
};

}  // namespace

// A library's NVTX has found us. 0: it is to go on as if there were no tool.
// NOLINTNEXTLINE(readability-identifier-naming): NVTX's name
extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxFindTable find_table) {
  const auto* const callbacks =
      is_traced() && !session_option(kOptionNoLibrarySpans)
          ? static_cast<const NvtxCallbacks*>(find_table(kNvtxCallbacksTable))
          : nullptr;
  if (callbacks == nullptr || callbacks->size_bytes < sizeof(NvtxCallbacks)) {
    return 0;
  }
  bool any = false;
  for (const Row& row : kRows) {
    NvtxFunction** table = nullptr;
    unsigned count = 0;
    if (callbacks->functions_of(row.module, &table, &count) != 0 && row.number < count &&
        table[row.number] != nullptr) {
      *table[row.number] = row.function;
      any = true;
    }
  }
  return any ? 1 : 0;
}

}  // namespace vtn::runtime
