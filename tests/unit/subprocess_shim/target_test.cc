// SPDX-License-Identifier: Apache-2.0
//
// The look at what is about to be started, at files of all kinds.
#include <filesystem>
#include <random>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/settings_abi.h"
#include "tests/support/catch.h"
#include "tests/support/elf_programs.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/subprocess_shim/shim.h"

namespace vtn::test {
namespace {

// As the launcher writes the session's settings file.
void exclude(const Words& patterns) {
  std::string text(sizeof(vtn_settings_head), '\0');
  for (const std::string& pattern : patterns) {
    const vtn_setting record = {VTN_SETTING_EXCLUDE, static_cast<uint32_t>(pattern.size() + 1)};
    text.append(reinterpret_cast<const char*>(&record), sizeof(record));
    text += pattern;
    text.resize((text.size() + 8) / 8 * 8);
  }
  const vtn_settings_head head = {VTN_SETTINGS_MAGIC, text.size()};
  memcpy(text.data(), &head, sizeof(head));
  const TemporaryFolder folder;
  (void)folder.write(VTN_SETTINGS_FILE, text);
  vtn_settings_enter(folder.path().c_str(), static_cast<uint32_t>(text.size()));
}

// A session whose library is there, and a folder for programs.
class Place {
 public:
  Place() {
    g_process = {};
    exclude({});
    (void)vtn_environment_name(folder.write("libvtn.so", "").c_str());
  }

  std::string add(const std::string& name, const std::string& bytes, mode_t mode = 0755) const {
    return folder.write(name, bytes, mode);
  }
  std::string add(const std::string& name, const Elf& elf) const { return add(name, elf.bytes()); }

  TemporaryFolder folder;
};

vtn_verdict look(const std::string& path,
                 const Words& argv = {"program"},
                 const Words& environment = {},
                 bool in_child = true) {
  const CStrings arguments(argv);
  const CStrings variables(environment);
  const vtn_target target = {
      AT_FDCWD, path.c_str(), arguments.get(), variables.get(), in_child ? 1 : 0};
  return vtn_look_at(&target);
}

uint32_t reason_of(const std::string& path) { return look(path).reason; }

TEST_CASE("target: programs of all kinds", "[target]") {
  const Place place;
  for (const ElfKind& kind : elf_kinds()) {
    INFO(kind.what);
    const vtn_verdict verdict = look(place.add("program", kind.elf));
    CHECK(verdict.reason == kind.reason);
    CHECK(verdict.carries == kind.carries);
    CHECK(verdict.exists == 1);
    CHECK(verdict.instead == nullptr);
  }
}

TEST_CASE("target: what is cut short or damaged is looked at all the same", "[target]") {
  const Place place;
  const std::string whole = Elf{.needed = {"libc.so.6", "libasan.so.8"}}.bytes();
  for (size_t bytes = 0; bytes < whole.size(); bytes += 7) {
    (void)look(place.add("program", whole.substr(0, bytes)));
  }
  CHECK(reason_of(place.add("program",
                            "\x7f"
                            "ELF")) == VTN_UNTRACED_FOREIGN);
  std::mt19937 random(3);
  size_t sound = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = whole;
    for (int hits = 1 + static_cast<int>(random() % 8); hits > 0; --hits) {
      damaged[4 + random() % (damaged.size() - 4)] = static_cast<char>(random());
    }
    sound += reason_of(place.add("program", damaged)) == VTN_UNTRACED_SANITIZER ? 1 : 0;
  }
  CHECK(sound > 0);
  CHECK(sound < 3000);
}

TEST_CASE("target: scripts are what their interpreter is", "[target]") {
  const Place place;
  const std::string dynamic = place.add("dynamic", Elf{});
  const std::string fixed = place.add("static", Elf{.loader = ""});
  const auto script = [&](const std::string& line) {
    return reason_of(place.add("script", "#!" + line));
  };
  CHECK(script(dynamic + "\n") == VTN_UNTRACED_NONE);
  CHECK(script(fixed + "\n") == VTN_UNTRACED_STATIC);
  CHECK(script(" \t" + fixed + " -x y\nmore\n") == VTN_UNTRACED_STATIC);
  CHECK(script(fixed + "\t-x\n") == VTN_UNTRACED_STATIC);
  CHECK(script(fixed) == VTN_UNTRACED_STATIC);
  CHECK(script("\n") == VTN_UNTRACED_NONE);
  CHECK(script("") == VTN_UNTRACED_NONE);
  CHECK(script("/no/such/interpreter\n") == VTN_UNTRACED_NONE);
  CHECK(script(std::string(400, '/') + fixed + "\n") ==
        VTN_UNTRACED_NONE);  // cut, as by the kernel
  // What env finds is looked at when env executes it.
  CHECK(script("/usr/bin/env " + fixed + "\n") == VTN_UNTRACED_NONE);
  CHECK(reason_of(place.add("text", "echo no first line\n")) == VTN_UNTRACED_NONE);
  CHECK(reason_of(place.add("empty", "")) == VTN_UNTRACED_NONE);
}

TEST_CASE("target: a pyenv shim is a script like any other", "[target]") {
  const Place place;
  const std::string bash = place.add("bash", Elf{});
  const std::string shim =
      place.add("shims/python3", "#!" + bash + "\nset -e\nexec pyenv exec \"${0##*/}\" \"$@\"\n");
  const vtn_verdict verdict = look(shim, {"python3", "x.py"});
  CHECK(verdict.reason == VTN_UNTRACED_NONE);
  CHECK(verdict.carries == 1);
  exclude({"x.py"});
  CHECK(look(shim, {"python3", "x.py"}).reason == VTN_UNTRACED_EXCLUDED);
}

TEST_CASE("target: scripts of scripts, as deep as the kernel goes", "[target]") {
  const Place place;
  std::string below = place.add("static", Elf{.loader = ""});
  for (int level = 1; level <= 6; ++level) {
    below = place.add("script" + std::to_string(level), "#!" + below + "\n");
    CHECK(reason_of(below) == (level <= 4 ? VTN_UNTRACED_STATIC : VTN_UNTRACED_NONE));
  }
  CHECK(reason_of(place.add("loop", "#!" + place.folder.file("loop") + "\n")) == VTN_UNTRACED_NONE);
}

TEST_CASE("target: rights of its own", "[target]") {
  if (geteuid() != 0) {
    return;  // nobody else can give files away
  }
  const Place place;
  const std::string path = place.add("program", Elf{});
  const auto with = [&](uid_t user, gid_t group, mode_t mode) {
    REQUIRE(chown(path.c_str(), user, group) == 0);
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return look(path);
  };
  CHECK(with(65534, 0, 04755).reason == VTN_UNTRACED_SETUID);
  CHECK(with(65534, 0, 04755).carries == 1);  // the loader drops it without a word
  CHECK(with(0, 65534, 02755).reason == VTN_UNTRACED_SETUID);
  CHECK(with(0, 65534, 02745).reason == VTN_UNTRACED_NONE);  // a mandatory lock
  CHECK(with(getuid(), getgid(), 06755).reason == VTN_UNTRACED_NONE);
  CHECK(with(65534, 65534, 0755).reason == VTN_UNTRACED_NONE);
}

TEST_CASE("target: what is there to be started", "[target]") {
  const Place place;
  const auto exists = [](const std::string& path) { return look(path).exists == 1; };
  CHECK(exists(place.add("program", Elf{})));
  CHECK(exists(place.add("text", "echo\n")));
  CHECK(!exists(place.add("not_executable", "echo\n", 0644)));
  CHECK(!exists(place.folder.path()));
  CHECK(!exists(place.folder.file("absent")));
  CHECK(!exists(place.folder.file("program/below")));
  CHECK(!exists("/dev/null"));
  // Nothing is waited for.
  REQUIRE(mkfifo(place.folder.file("fifo").c_str(), 0755) == 0);
  CHECK(!exists(place.folder.file("fifo")));
}

TEST_CASE("target: by a folder, and by a file that is open", "[target]") {
  const Place place;
  (void)place.add("program", Elf{.loader = ""});
  const CStrings words({"program"});
  const int folder = open(place.folder.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const vtn_target in_folder = {folder, "program", words.get(), nullptr, 1};
  CHECK(vtn_look_at(&in_folder).reason == VTN_UNTRACED_STATIC);
  const int file = open(place.folder.file("program").c_str(), O_PATH | O_CLOEXEC);
  const vtn_target by_file = {file, "", words.get(), nullptr, 1};
  CHECK(vtn_look_at(&by_file).reason == VTN_UNTRACED_STATIC);
  close(file);
  close(folder);
}

TEST_CASE("target: what the user left out", "[target]") {
  const Place place;
  const std::string program = place.add("gcc-12", Elf{});
  const std::string python = place.add("python3.12", Elf{});
  const auto excluded = [](const std::string& path, const Words& argv) {
    const vtn_verdict verdict = look(path, argv);
    CHECK((verdict.reason == VTN_UNTRACED_EXCLUDED) == (verdict.carries == 0));
    return verdict.reason == VTN_UNTRACED_EXCLUDED;
  };
  CHECK(!excluded(program, {"gcc", "-c", "x.c"}));
  exclude({"make", "gcc*"});
  CHECK(excluded(program, {"cc", "-c", "x.c"}));  // by its file
  CHECK(!excluded(python, {"python3"}));
  exclude({"*/cc -c *.c"});
  CHECK(excluded(program, {"/usr/bin/cc", "-c", "x.c"}));  // by its command line
  CHECK(!excluded(program, {"/usr/bin/cc", "-c", "x.cc"}));
  exclude({"worker.py"});
  for (const Words& argv : {Words{"python3", "worker.py"},
                            Words{"python3", "/srv/worker.py", "a"},
                            Words{"python3", "-u", "-W", "error", "-X", "dev", "worker.py"},
                            Words{"python3", "-uIW", "error", "worker.py"},
                            Words{"python3", "-Werror", "-Xdev", "worker.py"},
                            Words{"python3", "--check-hash-based-pycs", "always", "worker.py"}}) {
    CHECK(excluded(python, argv));
  }
  for (const Words& argv : {Words{"python3", "other.py", "worker.py"},
                            Words{"python3", "-c", "code", "worker.py"},
                            Words{"python3", "-Ic", "code", "worker.py"},
                            Words{"python3", "-", "worker.py"},
                            Words{"python3", "-m", "other", "worker.py"},
                            Words{"python3", "-W", "worker.py"},
                            Words{"python3"},
                            Words{}}) {
    CHECK(!excluded(python, argv));
  }
  CHECK(!excluded(program, {"gcc", "worker.py"}));  // no Python: an argument is no script
  exclude({"http.server"});
  CHECK(excluded(python, {"python3", "-m", "http.server", "80"}));
  CHECK(excluded(python, {"python3", "-mhttp.server"}));
  CHECK(excluded(python, {"python3", "-Im", "http.server"}));
  CHECK(!excluded(python, {"python3", "-m"}));
  exclude({"gcc-12"});
  CHECK(excluded(place.add("script", "#!" + program + "\n"), {"script"}));  // what interprets it
}

TEST_CASE("target: what is wanted comes before what the file is", "[target]") {
  const Place place;
  const std::string path = place.add("program", Elf{.loader = ""});
  const auto reason = [&](const Words& environment, bool in_child = true) {
    return look(path, {"program"}, environment, in_child).reason;
  };
  CHECK(reason({}) == VTN_UNTRACED_STATIC);
  CHECK(reason({"LD_TRACE_LOADED_OBJECTS="}) == VTN_UNTRACED_LOADER);
  exclude({"program"});
  CHECK(reason({"LD_TRACE_LOADED_OBJECTS=1"}) == VTN_UNTRACED_EXCLUDED);
  CHECK(reason({"VIZTRACER_NATIVE=1"}) == VTN_UNTRACED_EXCLUDED);
  CHECK(reason({"VIZTRACER_NATIVE=0"}) == VTN_UNTRACED_SWITCHED_OFF);
  g_process.not_wanted = true;
  CHECK(reason({"VIZTRACER_NATIVE=0"}) == VTN_UNTRACED_NOT_WANTED);
  CHECK(reason({"VIZTRACER_NATIVE=0"}, false) == VTN_UNTRACED_SWITCHED_OFF);
}

TEST_CASE("target: where our library cannot be reached it is not named", "[target]") {
  const Place place;
  const std::string dynamic = place.add("dynamic", Elf{});
  const std::string fixed = place.add("static", Elf{.loader = ""});
  REQUIRE(unlink(place.folder.file("libvtn.so").c_str()) == 0);
  CHECK(look(dynamic).reason == VTN_UNTRACED_UNREACHABLE);
  CHECK(look(dynamic).carries == 0);
  CHECK(look(fixed).reason == VTN_UNTRACED_STATIC);
  CHECK(look(fixed).carries == 0);
}

TEST_CASE("target: the embed host means the interpreter behind it", "[target]") {
  const Place place;
  const std::string host = place.add("host", Elf{});
  struct stat info = {};
  REQUIRE(stat(host.c_str(), &info) == 0);
  g_process.control.host_device = info.st_dev;
  g_process.control.host_inode = info.st_ino;
  strcpy(g_process.control.host, "/usr/bin/python3.12");
  std::filesystem::create_symlink(host, place.folder.file("link"));
  exclude({"host"});
  CHECK(look(host).instead == std::string("/usr/bin/python3.12"));
  CHECK(look(place.folder.file("link")).instead == std::string("/usr/bin/python3.12"));
  CHECK(look(place.add("other", Elf{})).instead == nullptr);
  // Without one the host has to do: it finds its library through us, so we go along.
  g_process.control.host[0] = '\0';
  CHECK(look(host).instead == nullptr);
  CHECK(look(host).carries == 1);
  CHECK(look(host).reason == VTN_UNTRACED_NONE);
}

TEST_CASE("target: names are found on PATH as execvp finds them", "[target]") {
  const Place place;
  const std::string first = place.add("first/tool", "");
  (void)place.add("second/tool", "");
  const std::string second = place.add("second/other", "");
  (void)place.add("first/other", "", 0644);
  std::filesystem::create_directory(place.folder.file("first/folder"));
  const auto find = [&](const std::string& name, const Words& environment) {
    CStrings variables(environment);
    g_process.environment = variables.data();
    char buffer[1024];
    const std::string found = vtn_find_on_path(name.c_str(), buffer);
    g_process.environment = nullptr;
    return found;
  };
  const Words path = {"PATH=/nowhere:" + place.folder.file("first") + ":" +
                      place.folder.file("second")};
  CHECK(find("tool", path) == first);
  CHECK(find("other", path) == second);
  CHECK(find("folder", path) == "folder");
  CHECK(find("absent", path) == "absent");
  CHECK(find("./tool", path) == "./tool");
  CHECK(find("", path).empty());
  CHECK(find("sh", {}) == "/bin/sh");
  CHECK(find("tool", {"PATH="}) == "tool");
  CHECK(find("tool", {"PATH=" + std::string(3000, 'x') + ":" + path[0].substr(5)}) == first);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(place.folder.file("second"));
  CHECK(find("other", {"PATH=:/bin"}) == "other");  // an empty folder is the current one
  std::filesystem::current_path(before);
}

TEST_CASE("target: Go programs are known by the note of their linker", "[target]") {
  struct Note {
    Elf64_Nhdr head;
    char name[4];
    char build[8];
  };
  Note notes[2] = {{{4, 8, NT_GNU_BUILD_ID}, "GNU", "abcdefg"}, {{4, 8, 4}, "Go", "abcdefg"}};
  static_assert(sizeof(Note) == 24);
  const auto has = [&](uint32_t type, size_t bytes) {
    const Elf64_Phdr segments[] = {{PT_LOAD, PF_R, 0, 0, 0, 4096, 4096, 4096},
                                   {type, PF_R, 0, 0, 0, bytes, bytes, 4}};
    return vtn_has_go_note(segments, 2, reinterpret_cast<const char*>(notes)) != 0;
  };
  CHECK(has(PT_NOTE, sizeof(notes)));
  CHECK(!has(PT_NOTE, sizeof(Note)));
  CHECK(!has(PT_NOTE, sizeof(notes) - 4));  // cut
  CHECK(!has(PT_NOTE, 0));
  CHECK(!has(PT_DYNAMIC, sizeof(notes)));
  notes[0].head.n_descsz = 0xffff'fff0;
  CHECK(!has(PT_NOTE, sizeof(notes)));
  notes[0].head.n_descsz = 8;
  notes[1].head.n_type = 1;
  CHECK(!has(PT_NOTE, sizeof(notes)));
  CHECK(vtn_is_go_program() == 0);
}

}  // namespace
}  // namespace vtn::test
