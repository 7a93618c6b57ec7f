// SPDX-License-Identifier: Apache-2.0
//
// What tells callables apart, on objects laid out as CPython lays them out, without an interpreter.
#include <memory>
#include <string>

#include <string.h>

#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/layout.h"
#include "tests/support/catch.h"

namespace vtn::runtime {

namespace {

// Any object: its words, of which the second is its type.
struct Object {
  alignas(16) uint64_t words[64] = {};
  PyObject* get() { return reinterpret_cast<PyObject*>(this); }
  template <class T>
  void put(size_t offset, T value) {
    memcpy(reinterpret_cast<char*>(words) + offset, &value, sizeof(value));
  }
};

struct Type : Object {
  explicit Type(const char* name, Object* kind = nullptr, uint32_t tag = 0) {
    put(8, kind);
    put(24, name);
    put(384, tag);
  }
  void rename(const char* name) { put(24, name); }
  void set_tag(uint32_t tag) { put(384, tag); }
};

// The types that the runtime knows by their addresses, for the time of a test.
struct World {
  World() {
    type.put(8, type.get());
    type.put(168, uint64_t{1} << 31);
    g_python = {};
    g_python.PyType_Type = type.get();
    g_python.PyBaseObject_Type = object.get();
    g_python.PyList_Type = list.get();
    g_python.PyFunction_Type = function.get();
    g_python.PyMethod_Type = method.get();
    g_python.PyCFunction_Type = builtin.get();
    g_python.PyCMethod_Type = c_method.get();
    g_python.PyMethodDescr_Type = descriptor.get();
    g_python.PyClassMethodDescr_Type = class_descriptor.get();
  }
  ~World() { g_python = {}; }

  Type type{"type"};
  Type object{"object", &type, 1};
  Type list{"list", &type, 2};
  Type function{"function", &type};
  Type method{"method", &type, 3};
  Type builtin{"builtin_function_or_method", &type};
  Type c_method{"builtin_method", &type};
  Type descriptor{"method_descriptor", &type};
  Type class_descriptor{"classmethod_descriptor", &type};
};

CallableKey key_of(Object& callable) {
  CallableKey key = {};
  REQUIRE(callable_key(callable.get(), type_of(callable.get()), &key));
  return key;
}

TEST_CASE("callables: each kind has its key", "[runtime]") {
  World world;
  const PyMethodDef append = {"append", nullptr};
  Object self;
  self.put(8, world.list.get());

  Object bound;
  bound.put(8, world.builtin.get());
  bound.put(16, &append);
  bound.put(24, self.get());
  CHECK(key_of(bound).key == &append);
  CHECK(key_of(bound).type == world.list.get());
  bound.put(24, nullptr);  // a static method
  CHECK(key_of(bound).type == nullptr);
  bound.put(24, self.get());
  bound.put(8, world.c_method.get());
  CHECK(key_of(bound).type == world.list.get());

  Object unbound;
  unbound.put(8, world.descriptor.get());
  unbound.put(16, world.list.get());
  unbound.put(40, &append);
  CHECK(key_of(unbound).key == &append);
  CHECK(key_of(unbound).type == world.list.get());

  // A class, also one of a metaclass, and an instance, which is named by its class.
  CHECK(key_of(world.list).key == world.list.get());
  CHECK(key_of(world.list).type == class_mark());
  Type meta("Meta", &world.type);
  meta.put(168, uint64_t{1} << 31);
  Type of_meta("OfMeta", &meta);
  CHECK(key_of(of_meta).key == of_meta.get());
  CHECK(key_of(of_meta).type == class_mark());
  Object instance;
  instance.put(8, of_meta.get());
  CHECK(key_of(instance).key == of_meta.get());
  CHECK(key_of(instance).type == instance_mark());

  // What is to be looked through, or tells of itself.
  CallableKey key;
  Object python;
  python.put(8, world.function.get());
  CHECK_FALSE(callable_key(python.get(), type_of(python.get()), &key));
  Object method;
  method.put(8, world.method.get());
  CHECK_FALSE(callable_key(method.get(), type_of(method.get()), &key));
}

TEST_CASE("callables: what is remembered holds while its type is the same", "[runtime]") {
  World world;
  const auto thread = std::make_unique<tracer::ThreadState>();
  Type heap("Heap", &world.type, 77);
  const CallableKey key = key_of(heap);
  const uint32_t slot = callable_cache_slot(key.key, key.type);
  CHECK(known_callable(thread.get(), key) == nullptr);
  CallableCacheEntry& entry = part_of(thread.get())->callables[slot];
  entry = {key.key, key.type, type_name(heap.get()), 1234, 77};
  REQUIRE(known_callable(thread.get(), key) == &entry);

  heap.set_tag(78);  // changed, or another at its address
  CHECK(known_callable(thread.get(), key) == nullptr);
  heap.set_tag(0);
  CHECK(known_callable(thread.get(), key) == nullptr);
  heap.set_tag(77);
  const std::string other = "Heap";  // renamed past whatever counts the changes
  heap.rename(other.c_str());
  CHECK(known_callable(thread.get(), key) == nullptr);
  entry.type_name = other.c_str();
  CHECK(known_callable(thread.get(), key) == &entry);

  entry.version_tag = 0;  // it had none: its names are to be read
  heap.set_tag(0);
  CHECK(known_callable(thread.get(), key) == nullptr);
  entry.type_name = nullptr;  // it lies in a library
  CHECK(known_callable(thread.get(), key) == &entry);
  CHECK(known_callable(thread.get(), {key.key, instance_mark()}) == nullptr);
}

TEST_CASE("callables: what names them is hashed with what they are", "[runtime]") {
  World world;
  const PyMethodDef one = {"name", nullptr};
  Type type("name", &world.type);
  const uint64_t as_class = names_hash({type.get(), class_mark()});
  const uint64_t as_static = names_hash({&one, nullptr});
  const uint64_t as_method = names_hash({&one, type.get()});
  CHECK(as_class != as_static);
  CHECK(as_method != as_static);
  CHECK(as_method != as_class);
  type.rename("nam");
  CHECK(names_hash({type.get(), class_mark()}) != as_class);
  CHECK(names_hash({&one, type.get()}) != as_method);
}

// -- The self-test of what is read by offset.

struct Interpreter : World {
  Interpreter() {
    current = this;
    len.put(8, builtin.get());
    len.put(16, &len_definition);
    len.put(24, &module);
    len.put(32, &module_name);
    append.put(8, descriptor.get());
    append.put(16, list.get());
    append.put(40, &append_definition);
    g_python.Py_DecRef = [](PyObject*) {};
    g_python.PyObject_GetAttrString = [](PyObject* of, const char* name) -> PyObject* {
      if (strcmp(name, "__basicsize__") == 0) {
        return current->size.get();
      }
      if (strcmp(name, "__module__") == 0) {
        return current->module_name.get();
      }
      return of == current->list.get() ? current->append.get() : current->size.get();
    };
    g_python.PyLong_AsLong = [](PyObject*) { return current->head_bytes; };
    g_python.PyEval_GetBuiltins = [] { return current->module.get(); };
    g_python.PyDict_GetItemString = [](PyObject*, const char*) { return current->len.get(); };
    g_python.PyCFunction_GetSelf = [](PyObject*) { return current->self_of_len; };
  }

  static inline Interpreter* current;
  long head_bytes = 16;
  Object size, module, module_name, len, append;
  PyObject* self_of_len = module.get();
  PyMethodDef len_definition = {"len", nullptr};
  PyMethodDef append_definition = {"append", nullptr};
};

TEST_CASE("layout: what is not where it is read is named", "[runtime]") {
  const auto found = [](auto&& change) {
    Interpreter interpreter;
    change(interpreter);
    const char* wrong = check_layout();
    return std::string(wrong == nullptr ? "" : wrong);
  };
  CHECK(found([](Interpreter&) {}).empty());
  CHECK(found([](Interpreter& of) { of.head_bytes = 24; }) == "object header");
  CHECK(found([](Interpreter& of) { of.list.put(8, of.list.get()); }) == "object type");
  CHECK(found([](Interpreter& of) { of.list.rename("tuple"); }) == "type name");
  CHECK(found([](Interpreter& of) { of.list.put(168, UINT64_MAX); }) == "type flags");
  CHECK(found([](Interpreter& of) { of.len_definition.name = "max"; }) == "builtin function");
  CHECK(found([](Interpreter& of) { of.self_of_len = nullptr; }) == "builtin function");
  CHECK(found([](Interpreter& of) { of.len.put(32, of.size.get()); }) == "builtin function");
  CHECK(found([](Interpreter& of) { of.append.put(16, of.size.get()); }) == "method descriptor");
  CHECK(found([](Interpreter& of) { of.append_definition.name = "x"; }) == "method descriptor");
  // The program's own `len`, from its site code: there is nothing to compare.
  CHECK(found([](Interpreter& of) { of.len.put(8, of.function.get()); }).empty());
}

TEST_CASE("layout: numbers of types are used where they are such", "[runtime]") {
  Interpreter interpreter;
  CHECK(check_version_tags());
  interpreter.list.set_tag(0);
  CHECK_FALSE(check_version_tags());
  interpreter.list.set_tag(1);  // that of object
  CHECK_FALSE(check_version_tags());
  interpreter.list.set_tag(3);
  CHECK_FALSE(check_version_tags());
}

}  // namespace

}  // namespace vtn::runtime
