// SPDX-License-Identifier: Apache-2.0
#include "runtime/filters/filters.h"

#include <initializer_list>

#include <string.h>

#include "runtime/entry/interpreters.h"
#include "runtime/filters/names.h"
#include "runtime/filters/paths.h"
#include "runtime/filters/patterns.h"
#include "runtime/python/text.h"

namespace vtn::runtime {

namespace {

enum GlobalName { kModuleName, kModuleFile, kGlobalNames };

// Which kinds of filters there are.
struct {
  bool on;
  bool mine;
  bool no_standard_library;
  bool no_import;
  bool no_frozen;
  bool everything;  // --log_sparse
  bool includes;    // --include_files
  bool of_files;    // some speak of files: looking where these lie takes system calls
  bool only;
  bool callables;                        // some may be hidden or marked by their own names
  PyObject* global_names[kGlobalNames];  // the main interpreter's; null: not made yet
} g_filters;
bool g_own_package = false;

struct FunctionFacts {
  tracer::Text module;  // empty: unknown
  tracer::Text name;
  tracer::Text file;
  tracer::Text own_file;  // the code's, whatever that is: `<string>`
};

bool any_meets(uint32_t wanted,
               bool (*meets)(const char*, const FunctionFacts&),
               const FunctionFacts& facts) {
  bool met = false;
  for_each_pattern([&](uint32_t key, const char* pattern) {
    met = met || (key == wanted && !is_path_pattern(pattern) && meets(pattern, facts));
  });
  return met;
}

bool meets_code(const char* pattern, const FunctionFacts& facts) {
  return pattern_meets_name(pattern, facts.module, facts.name) ||
         (pattern[0] == '<' && pattern_meets_name(pattern, {}, facts.own_file));
}

bool meets_callable(const char* pattern, const FunctionFacts& facts) {
  return pattern_meets_c_name(pattern, facts.name);
}

// `<string>`, `<attrs generated ...>`; not `<frozen os>`, which says where it is from.
bool is_of_no_file(tracer::Text file) {
  constexpr char kFrozenFile[] = "<frozen ";
  constexpr size_t kBytes = sizeof(kFrozenFile) - 1;
  return file.bytes == 0 || (file.data[0] == '<' && !(file.bytes >= kBytes &&
                                                      memcmp(file.data, kFrozenFile, kBytes) == 0));
}

// A variable of a module, where its globals are a dict and that a str, neither of a class of the
// program's; borrowed, or null.
PyObject* text_in(PyObject* globals, GlobalName which) {
  if (globals == nullptr || type_of(globals) != g_python.PyDict_Type) {
    return nullptr;
  }
  constexpr const char* kNames[kGlobalNames] = {"__name__", "__file__"};
  PyObject* value = nullptr;
  if (current_interpreter() != g_python.PyInterpreterState_Main()) {
    value = g_python.PyDict_GetItemString(globals, kNames[which]);
  } else {
    PyObject*& name = g_filters.global_names[which];
    if (name == nullptr) {
      name = g_python.PyUnicode_InternFromString(kNames[which]);
    }
    value = name == nullptr ? nullptr : g_python.PyDict_GetItemWithError(globals, name);
  }
  g_python.PyErr_Clear();
  return value != nullptr && type_of(value) == g_python.PyUnicode_Type ? value : nullptr;
}

bool is_module_body(tracer::Text name) {
  constexpr char kBody[] = "<module>";
  return name.bytes == sizeof(kBody) - 1 && memcmp(name.data, kBody, name.bytes) == 0;
}

// Of `sys`, if it is a str; borrowed.
PyObject* text_of_sys(const char* name) {
  PyObject* text = g_python.PySys_GetObject(name);
  return text != nullptr && type_of(text) == g_python.PyUnicode_Type ? text : nullptr;
}

// "/usr", "lib": /usr/lib/python3.12.
void add_library_below(const char* prefix_name) {
  const Utf8 prefix(text_of_sys(prefix_name));
  const Utf8 library(text_of_sys("platlibdir"));
  if (prefix.text().bytes == 0) {
    return;
  }
  for (const tracer::Text folder : {library.text(), text_of("lib")}) {
    char path[2 * kMaxNameBytes + 32];
    size_t bytes = 0;
    const auto add = [&](tracer::Text text) {
      memcpy(path + bytes, text.data, text.bytes);
      bytes += text.bytes;
    };
    if (folder.bytes == 0) {
      continue;
    }
    add(prefix.text());
    add(text_of("/"));
    add(folder);
    add(text_of("/python3."));
    const char digits[] = {static_cast<char>('0' + g_python.minor / 10),
                           static_cast<char>('0' + g_python.minor % 10)};
    add({digits, sizeof(digits)});
    add_library_folder({path, bytes});
  }
}

uint32_t facts_of_file(tracer::Text file) { return g_filters.of_files ? path_facts(file) : 0; }

// What is known of Python code by which a pattern may meet it. Borrows its texts.
class CodeFacts {
 public:
  CodeFacts(tracer::Text name, tracer::Text file, PyObject* globals)
      : module_(text_in(globals, kModuleName)),
        module_file_(is_of_no_file(file) ? text_in(globals, kModuleFile) : nullptr),
        facts_{module_.text(),
               name,
               module_file_.text().bytes != 0 ? module_file_.text() : file,
               file} {}
  const FunctionFacts& get() const { return facts_; }

 private:
  const Utf8 module_;
  const Utf8 module_file_;
  const FunctionFacts facts_;
};

}  // namespace

void start_filters() {
  g_filters = {};
  forget_paths();
  g_filters.mine = session_option(kOptionMine);
  g_filters.no_standard_library = session_option(kOptionNoStandardLibrary);
  g_filters.no_import = session_option(kOptionNoImport);
  g_filters.no_frozen = session_option(kOptionIgnoreFrozen);
  g_filters.everything = session_option(kOptionLogSparse);
  g_filters.on = g_filters.everything || g_filters.mine || g_filters.no_standard_library ||
                 g_filters.no_import || g_filters.no_frozen || session_option(kOptionBudget);
  for_each_pattern([](uint32_t key, const char* pattern) {
    g_filters.on |= key <= VTN_SETTING_EXCLUDE_SUBTREE;
    g_filters.includes |= key == VTN_SETTING_INCLUDE_FILE;
    g_filters.of_files |= is_path_pattern(pattern);
    g_filters.only |= key == VTN_SETTING_ONLY;
    g_filters.callables |= !is_path_pattern(pattern) &&
                           (key == VTN_SETTING_HIDE || key == VTN_SETTING_EXCLUDE_SUBTREE);
  });
  g_filters.of_files |= g_filters.on && (g_filters.mine || g_filters.no_standard_library ||
                                         g_filters.no_import || g_filters.no_frozen);
  if (g_filters.mine || g_filters.no_standard_library || g_filters.no_import) {
    add_library_folder(Utf8(text_of_sys("_stdlib_dir")).text());
    add_library_below("base_prefix");
    add_library_below("base_exec_prefix");
  }
}

bool filters_on() { return g_filters.on || g_own_package; }

void hide_own_package() { g_own_package = true; }

bool nothing_is_recorded() { return g_filters.everything; }

Verdict judge_code(tracer::Text name, tracer::Text file, PyObject* globals) {
  const CodeFacts known(name, file, globals);
  const FunctionFacts& facts = known.get();
  const uint32_t path = facts_of_file(facts.file);
  if ((path & kMeetsSubtree) != 0 || any_meets(VTN_SETTING_EXCLUDE_SUBTREE, meets_code, facts)) {
    return g_filters.everything ? Verdict::kNothingIs : Verdict::kExcludesSubtree;
  }
  const bool of_library = (path & (kStandardLibrary | kFrozen)) != 0;
  const bool hidden =
      (g_filters.mine && (of_library || (path & kPackage) != 0)) ||
      (g_filters.no_standard_library && of_library) ||
      (g_filters.no_frozen && (path & kFrozen) != 0) ||
      (g_filters.no_import && ((path & kImportSystem) != 0 || is_module_body(facts.name))) ||
      (g_filters.includes && (path & kMeetsInclude) == 0) || (path & kMeetsExclude) != 0 ||
      (g_filters.only && (path & kMeetsOnly) == 0 &&
       !any_meets(VTN_SETTING_ONLY, meets_code, facts)) ||
      (path & kMeetsHide) != 0 || any_meets(VTN_SETTING_HIDE, meets_code, facts);
  return hidden                 ? Verdict::kHidden
         : g_filters.everything ? Verdict::kNothingIs
                                : Verdict::kRecorded;
}

bool meets_patterns(uint32_t key, tracer::Text name, tracer::Text file, PyObject* globals) {
  const CodeFacts known(name, file, globals);
  return (facts_of_file(known.get().file) & fact_of_setting(key)) != 0 ||
         any_meets(key, meets_code, known.get());
}

Verdict judge_callable(tracer::Text name) {
  if (g_filters.everything) {
    return Verdict::kNothingIs;
  }
  if (!g_filters.callables) {
    return Verdict::kRecorded;
  }
  const FunctionFacts facts = {{}, name, {}, {}};
  return any_meets(VTN_SETTING_EXCLUDE_SUBTREE, meets_callable, facts) ? Verdict::kExcludesSubtree
         : any_meets(VTN_SETTING_HIDE, meets_callable, facts)          ? Verdict::kHidden
                                                                       : Verdict::kRecorded;
}

}  // namespace vtn::runtime
