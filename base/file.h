// SPDX-License-Identifier: Apache-2.0
//
// Whole files: reading, writing, replacing. Errors name the path.
#pragma once

#include <string>
#include <string_view>

#include <stdint.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"

namespace vtn {

// The whole file; an error if it is longer than `limit_bytes`. Works for /proc as well.
Result<std::string> read_file(const std::string& path, uint64_t limit_bytes = 64u << 20);

// Writes every byte, or says why not. Retries short writes and EINTR.
Status write_all(int fd, std::string_view bytes);
// Fewer than `bytes` are read only at the end of the file.
Result<size_t> read_all(int fd, void* to, size_t bytes);
Result<size_t> pread_all(int fd, void* to, size_t bytes, uint64_t offset);

// Whether two names, or a name and what is open, are of one file.
bool is_same_file(const std::string& one, const std::string& other);
bool is_same_file(int fd, const std::string& path);

// mkdir -p. Folders that exist are left as they are; `mode` is for the new ones.
Status make_folders(const std::string& path, mode_t mode = 0777);

// "/a/b/c" -> "/a/b", "c"; no slash: "." and the name itself.
std::string folder_of(std::string_view path);
std::string name_of(std::string_view path);
// An absolute path against the current folder, without touching links or "..".
Result<std::string> absolute_path(const std::string& path);

// Where temporary files lie that are nobody's output.
std::string temporary_folder();

// A file that has no name, in a folder or where temporary files lie: gone once it is closed.
Result<UniqueFd> unnamed_file(const std::string& folder);

// A file that takes its name only when it is whole: written beside the target as .NAME.part-XXXXXX,
// then renamed over it. An uncommitted one is removed by the destructor.
class AtomicFile {
 public:
  // The new file gets the mode of the file it replaces, else 0666 less the umask.
  static Result<AtomicFile> create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  const std::string& temporary_path() const { return temporary_path_; }
  // Closes (an error of a delayed write shows here) and renames.
  Status commit();
  void discard();

 private:
  AtomicFile(std::string path, std::string temporary_path, UniqueFd fd);

  std::string path_;
  std::string temporary_path_;  // empty once committed or discarded
  UniqueFd fd_;
};

}  // namespace vtn
