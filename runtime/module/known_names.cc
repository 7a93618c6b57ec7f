// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/known_names.h"

#include <string.h>

#include "runtime/values/values.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kKnownNameBits = 8;
KnownName g_known_names[1u << kKnownNameBits];

}  // namespace

KnownName& known_name(const PyObject* name, const PyObject* more, uint64_t use) {
  const uintptr_t key =
      reinterpret_cast<uintptr_t>(name) + 3 * reinterpret_cast<uintptr_t>(more) + use;
  return g_known_names[(key * 0x9e37'79b9'7f4a'7c15u) >> (64 - kKnownNameBits)];
}

void remember_name(KnownName& known,
                   PyObject* name,
                   PyObject* more,
                   uint64_t use,
                   uint64_t deaths,
                   uint32_t answer) {
  const PyRef before = PyRef::steal(known.name);
  const PyRef more_before = PyRef::steal(known.more);
  g_python.Py_IncRef(name);
  g_python.Py_IncRef(more);
  known = {name, more, tracer::g_engine.epoch, use, deaths, answer};
}

NameText::NameText(PyObject* name) {
  if (is_ascii_text(name)) {
    const auto length = static_cast<size_t>(string_length(name));
    text_ = {ascii_characters_of(name), length < sizeof(room_) ? length : sizeof(room_)};
    return;
  }
  const Utf8 utf8(name);
  memcpy(room_, utf8.text().data, utf8.text().bytes);
  text_ = {room_, utf8.text().bytes};
}

bool is_secret_key(PyObject* key) {
  return ask_of_name(key, nullptr, name_use(NameUse::kSecret), [&] {
           return is_secret_name(NameText(key).text()) ? 1u : 0u;
         }) != 0;
}

}  // namespace vtn::runtime
