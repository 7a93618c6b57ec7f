// SPDX-License-Identifier: Apache-2.0
//
// What is known of the names that the program gave last: programs name by constants, so the object
// tells as much as its text, which is not read anew. Entries own references, so no object can be
// another's. Of the main interpreter, under its GIL, where no other records. Needs the GIL; may
// leave an error set.
#pragma once

#include "runtime/entry/interpreters.h"
#include "runtime/python/python_api.h"
#include "runtime/python/text.h"
#include "tracer/engine.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

// What a name is asked for; with what makes it another one: flags, or the place of an instruction.
enum class NameUse : uint32_t { kInstant, kSeries, kSpan, kEvent, kSecret, kObject, kOwnFile };
constexpr uint64_t name_use(NameUse use, uint64_t flags = 0) {
  return (flags << 4) | static_cast<uint32_t>(use);
}

struct KnownName {
  PyObject* name;
  PyObject* more;  // what belongs to it: the key of a series, the tuple of a span's names; or null
  uint64_t epoch;  // of the process: ids are not its children's
  uint64_t use;
  uint64_t deaths;  // of code objects, where `use` is the place of an instruction
  uint32_t answer;
};

// The place where it is, or is to be.
KnownName& known_name(const PyObject* name, const PyObject* more, uint64_t use);
void remember_name(KnownName& known,
                   PyObject* name,
                   PyObject* more,
                   uint64_t use,
                   uint64_t deaths,
                   uint32_t answer);

// `ask()` says what is not known. `more` is kept as it is: nothing may change it.
template <class Ask>
uint32_t ask_of_name(
    PyObject* name, PyObject* more, uint64_t use, const Ask& ask, uint64_t deaths = 0) {
  if (others_may_record()) {
    return ask();
  }
  KnownName& known = known_name(name, more, use);
  if (known.name == name && known.more == more && known.use == use && known.deaths == deaths &&
      known.epoch == tracer::g_engine.epoch) {
    return known.answer;
  }
  const uint32_t answer = ask();
  if (type_of(name) == g_python.PyUnicode_Type) {
    remember_name(known, name, more, use, deaths, answer);
  }
  return answer;
}

// Text of a name, which is a str, for as long as that lives: where it lies, or as it was read into
// `room`.
class NameText {
 public:
  explicit NameText(PyObject* name);
  tracer::Text text() const { return text_; }

 private:
  tracer::Text text_;
  char room_[kMaxNameBytes];
};

// Whether a str is that text.
inline bool is_text(PyObject* string, const char* literal) {
  const size_t bytes = __builtin_strlen(literal);
  return is_ascii_text(string)
             ? static_cast<size_t>(string_length(string)) == bytes &&
                   __builtin_memcmp(ascii_characters_of(string), literal, bytes) == 0
             : Utf8(string).equals(literal);
}

// Whether the key of a value says that this is a secret.
bool is_secret_key(PyObject* key);

}  // namespace vtn::runtime
