// SPDX-License-Identifier: Apache-2.0
#include "attach/remote_memory.h"

#include <algorithm>

#include <string.h>
#include <sys/uio.h>

namespace vtn::attach {

namespace {

constexpr uint64_t kPage = 4096;

// process_vm_readv and process_vm_writev are alike.
template <class Transfer>
Status transfer_all(
    Transfer transfer, const char* verb, pid_t pid, uint64_t address, void* local, size_t bytes) {
  const iovec ours = {local, bytes};
  const iovec theirs = {reinterpret_cast<void*>(address), bytes};  // NOLINT: an address of another
  const ssize_t done = transfer(pid, &ours, 1, &theirs, 1, 0);
  if (done == static_cast<ssize_t>(bytes)) {
    return {};
  }
  return fail_errno(std::string("cannot ") + verb + " the memory of process " + std::to_string(pid),
                    done < 0 ? errno : EFAULT);
}

}  // namespace

Status RemoteMemory::read(uint64_t address, void* to, size_t bytes) const {
  return transfer_all(process_vm_readv, "read", pid_, address, to, bytes);
}

Status RemoteMemory::write(uint64_t address, const void* from, size_t bytes) const {
  return transfer_all(process_vm_writev, "write to", pid_, address, const_cast<void*>(from), bytes);
}

std::string RemoteMemory::text(uint64_t address, size_t limit_bytes) const {
  std::string text;
  while (text.size() < limit_bytes) {
    // A page at a time: the next one may not be there.
    const uint64_t at = address + text.size();
    char piece[kPage];
    const size_t bytes = std::min<size_t>(limit_bytes - text.size(), kPage - at % kPage);
    if (!read(at, piece, bytes)) {
      break;
    }
    const size_t length = strnlen(piece, bytes);
    text.append(piece, length);
    if (length < bytes) {
      break;
    }
  }
  return text;
}

}  // namespace vtn::attach
