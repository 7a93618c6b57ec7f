// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comment_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/capture/functions.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/python/text.h"
#include "runtime/python/text_builder.h"
#include "runtime/values/own_code.h"

namespace vtn::runtime {

namespace {

constexpr size_t kFirstFiles = 1024;  // a power of two
constexpr size_t kMostFileBytes = size_t{64} << 20;
constexpr size_t kMostCommandCodes = 4096;
constexpr char kCommandFile[] = "<string>";

struct File {
  uint64_t hash;  // of its name; 0: an empty place
  CommentedFile* comments;
};

struct {
  File* files;
  size_t room;  // a power of two
  size_t used;
  uint32_t told;
  bool looked_for_command;
  CommentedFile* command;
  // The codes that `-c` was compiled to: what else a program compiles has the same for a file.
  const PyObject** command_codes;
  size_t command_count;
} g_files;

File* place_of(File* files, size_t room, uint64_t hash) {
  size_t at = hash & (room - 1);
  while (files[at].hash != 0 && files[at].hash != hash) {
    at = (at + 1) & (room - 1);
  }
  return &files[at];
}

// False: it is not known.
bool find_file(uint64_t hash, CommentedFile** comments) {
  const WordLock lock(&runtime_root()->comments_lock);
  if (g_files.files == nullptr) {
    return false;
  }
  const File* const file = place_of(g_files.files, g_files.room, hash);
  *comments = file->comments;
  return file->hash != 0;
}

void remember_file(uint64_t hash, CommentedFile* comments) {
  const WordLock lock(&runtime_root()->comments_lock);
  if (2 * (g_files.used + 1) > g_files.room) {
    const size_t room = g_files.room == 0 ? kFirstFiles : 2 * g_files.room;
    auto* const files = static_cast<File*>(map_pages(room * sizeof(File)));
    if (files == nullptr) {
      return;
    }
    for (size_t i = 0; i < g_files.room; ++i) {
      if (g_files.files[i].hash != 0) {
        *place_of(files, room, g_files.files[i].hash) = g_files.files[i];
      }
    }
    if (g_files.files != nullptr) {
      unmap_pages(g_files.files, g_files.room * sizeof(File));
    }
    g_files.files = files;
    g_files.room = room;
  }
  File* const file = place_of(g_files.files, g_files.room, hash);
  g_files.used += file->hash == 0 ? 1 : 0;
  *file = {hash, comments};
}

// Pages with a text.
struct Source {
  char* data = nullptr;
  size_t bytes = 0;
  size_t room = 0;

  tracer::Text text() const { return {data, bytes}; }
};

bool make_room(Source* source, size_t bytes) {
  source->data = static_cast<char*>(map_pages(bytes + 1));
  source->room = bytes + 1;
  return source->data != nullptr;
}

void free_source(Source* source) {
  if (source->data != nullptr) {
    unmap_pages(source->data, source->room);
  }
  *source = {};
}

// Of regular files alone: whoever opens a pipe takes something away.
bool read_file(const char* path, Source* to) {
  struct stat known = {};
  if (raw_syscall(SYS_stat, reinterpret_cast<long>(path), reinterpret_cast<long>(&known)) != 0 ||
      !S_ISREG(known.st_mode) || known.st_size <= 0 ||
      static_cast<uint64_t>(known.st_size) > kMostFileBytes) {
    return false;
  }
  const long fd =
      raw_syscall(SYS_open, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return false;
  }
  const auto size = static_cast<size_t>(known.st_size);
  bool read = make_room(to, size);
  while (read && to->bytes < size) {
    const long got = raw_syscall(SYS_read,
                                 fd,
                                 reinterpret_cast<long>(to->data + to->bytes),
                                 static_cast<long>(size - to->bytes));
    if (got == 0) {
      break;  // it has become shorter
    }
    read = got > 0;
    to->bytes += got > 0 ? static_cast<size_t>(got) : 0;
  }
  (void)raw_syscall(SYS_close, fd);
  if (!read) {
    free_source(to);
  }
  return read;
}

// A str as UTF-8, in pages.
bool copy_text(PyObject* text, Source* to) {
  const PyRef bytes = PyRef::steal(g_python.PyUnicode_AsUTF8String(text));
  char* data = nullptr;
  PySize size = 0;
  if (!bytes || g_python.PyBytes_AsStringAndSize(bytes.get(), &data, &size) != 0 ||
      !make_room(to, static_cast<size_t>(size))) {
    return false;
  }
  memcpy(to->data, data, static_cast<size_t>(size));
  to->bytes = static_cast<size_t>(size);
  return true;
}

bool is_utf8(tracer::Text cookie) {
  constexpr char kUtf8[] = "utf8";
  size_t at = 0;
  for (size_t i = 0; i < cookie.bytes; ++i) {
    const char c = cookie.data[i];
    if (c == '-' || c == '_') {
      continue;
    }
    if (at == sizeof(kUtf8) - 1 || (c | 0x20) != (kUtf8[at] | 0x20)) {
      return cookie.bytes == 0;
    }
    ++at;
  }
  return cookie.bytes == 0 || at == sizeof(kUtf8) - 1;
}

// As CPython decodes it: by the codec that its first lines name. False: it does not.
bool decode(Source* source) {
  const tracer::Text cookie = find_cookie(source->text());
  char name[64];
  if (is_utf8(cookie)) {
    return true;
  }
  if (cookie.bytes >= sizeof(name)) {
    return false;
  }
  memcpy(name, cookie.data, cookie.bytes);
  name[cookie.bytes] = 0;
  const Muted muted;  // a codec may be one of Python's
  const PyRef text = PyRef::steal(
      g_python.PyUnicode_Decode(source->data, static_cast<PySize>(source->bytes), name, "replace"));
  Source decoded;
  if (!text || !copy_text(text.get(), &decoded)) {
    (void)take_own_exception();
    return false;
  }
  free_source(source);
  *source = decoded;
  return true;
}

// Takes the pages.
CommentedFile* find_wishes(Source* source) {
  CommentedFile* file = nullptr;
  SourceComments found = {};
  if (has_magic(source->text()) && decode(source)) {
    found = find_comments(source->text());
  }
  const size_t bytes = sizeof(CommentedFile) + found.comment_count * sizeof(CommentWish);
  if (found.comment_count != 0) {
    file = static_cast<CommentedFile*>(map_pages(bytes));
  }
  if (file == nullptr) {
    free_comments(&found);
    free_source(source);
    return nullptr;
  }
  auto* const wishes = reinterpret_cast<CommentWish*>(file + 1);
  uint32_t logged = 0;  // the line where the last statement begins that has a log
  for (uint32_t i = 0; i < found.comment_count; ++i) {
    MagicComment& comment = found.comments[i];
    wishes[i] = read_wish(comment.text);
    if (wishes[i].problem != nullptr) {
      comment.problem = wishes[i].problem;
    } else if (comment.own_line && wishes[i].verb == CommentVerb::kLog &&
               comment.problem == nullptr) {
      comment.problem = "log is for a statement, behind it";
    } else if (wishes[i].verb == CommentVerb::kLog && comment.problem == nullptr) {
      if (comment.first == logged) {
        comment.problem = "its statement has a log already";
      }
      logged = comment.first;
    }
  }
  *file = {found, wishes};
  return file;
}

void tell_problems(PyObject* code, const CommentedFile* file) {
  for (uint32_t i = 0; file != nullptr && i < file->found.comment_count; ++i) {
    const MagicComment& comment = file->found.comments[i];
    if (comment.problem != nullptr) {
      tell_comment_ignored(code, comment.line, comment.problem);
    }
  }
}

// What stands behind -c; null: the program is run by other means. New reference.
PyRef command_text() {
  PyObject* const words = g_python.PySys_GetObject("orig_argv");
  if (words == nullptr || type_of(words) != g_python.PyList_Type) {
    return PyRef();
  }
  const PySize count = g_python.PyList_Size(words);
  for (PySize i = 1; i + 1 < count; ++i) {
    const Utf8 word(g_python.PyList_GetItem(words, i));
    const tracer::Text text = word.text();
    if (text.bytes < 2 || text.data[0] != '-') {
      return PyRef();
    }
    if (text.data[1] != '-' && text.data[text.bytes - 1] == 'c') {
      return PyRef::hold(g_python.PyList_GetItem(words, i + 1));
    }
    if (word.equals("-W") || word.equals("-X") || word.equals("--check-hash-based-pycs")) {
      ++i;
    }
  }
  return PyRef();
}

void add_command_code(PyObject* code) {
  if (g_files.command_count == kMostCommandCodes) {
    return;
  }
  g_files.command_codes[g_files.command_count++] = code;
  const PyRef constants = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_consts"));
  for (PySize i = 0; constants && i < g_python.PyTuple_Size(constants.get()); ++i) {
    PyObject* const one = g_python.PyTuple_GetItem(constants.get(), i);
    if (type_of(one) == g_python.PyCode_Type) {
      add_command_code(one);
    }
  }
}

// The first code of that file that is met: it is what the command was compiled to if nothing has
// called it.
void look_for_command(PyObject* code) {
  g_files.looked_for_command = true;
  PyFrame* const frame = g_python.PyEval_GetFrame();  // borrowed
  const PyRef caller = PyRef::steal(
      frame == nullptr ? nullptr : reinterpret_cast<PyObject*>(g_python.PyFrame_GetBack(frame)));
  const PyRef command = caller ? PyRef() : command_text();
  Source source;
  if (!command || type_of(command.get()) != g_python.PyUnicode_Type ||
      !copy_text(command.get(), &source)) {
    return;
  }
  g_files.command = find_wishes(&source);
  if (g_files.command == nullptr) {
    return;
  }
  g_files.command_codes =
      static_cast<const PyObject**>(map_pages(kMostCommandCodes * sizeof(void*)));
  if (g_files.command_codes != nullptr) {
    g_python.Py_IncRef(code);  // for good, and what it holds: no other code has their addresses
    add_command_code(code);
    tell_problems(code, g_files.command);
  }
}

CommentedFile* command_comments(PyObject* code) {
  if (current_interpreter() != g_python.PyInterpreterState_Main()) {
    return nullptr;
  }
  if (!g_files.looked_for_command) {
    look_for_command(code);
  }
  for (size_t i = 0; i < g_files.command_count; ++i) {
    if (g_files.command_codes[i] == code) {
      return g_files.command;
    }
  }
  return nullptr;
}

}  // namespace

CommentedFile* commented_file(PyObject* code) {
  const PyRef name = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_filename"));
  if (!name || type_of(name.get()) != g_python.PyUnicode_Type) {
    return nullptr;
  }
  if (Utf8(name.get()).equals(kCommandFile)) {
    return command_comments(code);
  }
  const PyRef path = PyRef::steal(g_python.PyUnicode_EncodeFSDefault(name.get()));
  char* text = nullptr;
  PySize size = 0;
  if (!path || g_python.PyBytes_AsStringAndSize(path.get(), &text, &size) != 0 || size == 0 ||
      text[0] == '<' || strlen(text) != static_cast<size_t>(size)) {
    return nullptr;
  }
  const uint64_t hash = hash_c_string(text, 3) | 1;
  CommentedFile* file = nullptr;
  if (find_file(hash, &file)) {
    return file;
  }
  Source source;
  if (read_file(text, &source)) {
    file = find_wishes(&source);
  }
  remember_file(hash, file);
  tell_problems(code, file);
  return file;
}

namespace {

void tell(NoticeKind kind, PyObject* code, uint32_t line, const char* why) {
  if (__atomic_fetch_add(&g_files.told, 1u, __ATOMIC_RELAXED) >= kMostToldComments) {
    return;
  }
  const PyRef file = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_filename"));
  const Utf8 name(file.get());
  TextBuilder text;
  constexpr size_t kMostNameBytes = 600;  // why has room, too
  const size_t from = name.text().bytes > kMostNameBytes ? name.text().bytes - kMostNameBytes : 0;
  text.add({name.text().data + from, name.text().bytes - from});
  text.add(":");
  text.add_number(line);
  if (why != nullptr) {
    text.add(": ");
    text.add(why);
  }
  (void)tracer::publish_text(NameRecord::kNotice, static_cast<uint32_t>(kind), text.text());
}

}  // namespace

void tell_comment_ignored(PyObject* code, uint32_t line, const char* why) {
  tell(NoticeKind::kCommentIgnored, code, line, why);
}

void tell_too_many_names(PyObject* code, uint32_t line) {
  tell(NoticeKind::kCommentNames, code, line, nullptr);
}

}  // namespace vtn::runtime
