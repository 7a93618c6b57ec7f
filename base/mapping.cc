// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <sys/mman.h>

namespace vtn {

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    unmap();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Result<Mapping> Mapping::map(int fd, size_t bytes, Access access) {
  if (bytes == 0) {
    return Mapping();
  }
  const bool write = access == Access::kReadWrite;
  void* data = mmap(nullptr,
                    bytes,
                    write ? PROT_READ | PROT_WRITE : PROT_READ,
                    write ? MAP_SHARED : MAP_PRIVATE,
                    fd,
                    0);
  if (data == MAP_FAILED) {
    return fail_errno("cannot map a file into memory");
  }
  (void)madvise(data, bytes, MADV_DONTDUMP);
  return Mapping(data, bytes);
}

void Mapping::unmap() {
  if (data_ != nullptr) {
    (void)munmap(data_, size_);
    data_ = nullptr;
    size_ = 0;
  }
}

}  // namespace vtn
