// SPDX-License-Identifier: Apache-2.0
#include "attach/way_back.h"

#include <algorithm>
#include <string_view>

#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "attach/elf_symbols.h"
#include "attach/syscall_state.h"
#include "base/file.h"

namespace vtn::attach {

namespace {

// mov $15, %rax; syscall: rt_sigreturn, as glibc and musl both have it.
constexpr std::string_view kSignalReturn("\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);
// syscall; ret: the end of getpid(2) and its like.
constexpr std::string_view kSyscall("\x0f\x05\xc3", 3);

// The kernel's; glibc's has more at its end.
constexpr uint64_t kContextBytes = offsetof(ucontext_t, uc_sigmask) + sizeof(uint64_t);
constexpr uint64_t kVectorsAlignment = 64;
// <asm/sigcontext.h> cannot be included beside <signal.h>.
constexpr uint64_t kUcFpXstate = 1;
constexpr uint64_t kUcSegments = 2 | 4;
constexpr int kNoSuchStackFlag = 0x40;
constexpr uint32_t kMagicBegin = 0x46505853;
constexpr uint32_t kMagicEnd = 0x46505845;
constexpr uint64_t kTileData = uint64_t{1} << 18;  // given to who asks for it only
constexpr size_t kLegacyBytes = 512;
constexpr size_t kHeaderBytes = 64;

// The end of the area's legacy part, which says what follows it.
struct SoftwareBytes {
  uint32_t magic;
  uint32_t bytes_with_end;
  uint64_t features;
  uint32_t bytes;
  uint32_t padding[7];
};
constexpr size_t kSoftwareBytesAt = 464;
static_assert(kSoftwareBytesAt + sizeof(SoftwareBytes) == kLegacyBytes);

// The size of a save area of these features, none of them compacted.
uint32_t area_bytes(uint64_t features) {
  uint32_t end = kLegacyBytes + kHeaderBytes;
  for (uint32_t feature = 2; feature < 64; ++feature) {
    uint32_t bytes = 0;
    uint32_t offset = 0;
    uint32_t unused = 0;
    if ((features >> feature & 1) != 0 &&
        __get_cpuid_count(0xd, feature, &bytes, &offset, &unused, &unused) != 0) {
      end = std::max(end, offset + bytes);
    }
  }
  return end;
}

// What ptrace(2) gives, as a signal frame has it.
std::string vectors_for_frame(const std::vector<char>& vectors) {
  std::string area(vectors.begin(), vectors.end());
  SoftwareBytes software = {};
  if (area.size() < kLegacyBytes + kHeaderBytes) {
    return area;
  }
  // ptrace(2) leaves the features there that the kernel has switched on.
  (void)memcpy(&software.features, area.data() + kSoftwareBytesAt, sizeof(software.features));
  software.features &= ~kTileData;
  software.bytes = std::min<uint32_t>(area_bytes(software.features), area.size());
  software.magic = kMagicBegin;
  software.bytes_with_end = software.bytes + sizeof(kMagicEnd);
  area.resize(software.bytes);
  (void)memcpy(area.data() + kSoftwareBytesAt, &software, sizeof(software));
  uint64_t in_use = 0;
  (void)memcpy(&in_use, area.data() + kLegacyBytes, sizeof(in_use));
  in_use &= software.features;
  (void)memcpy(area.data() + kLegacyBytes, &in_use, sizeof(in_use));
  area.append(reinterpret_cast<const char*>(&kMagicEnd), sizeof(kMagicEnd));
  return area;
}

}  // namespace

uint64_t way_back_limit_bytes(uint64_t vectors_bytes) {
  return kContextBytes + kVectorsAlignment + vectors_bytes + sizeof(kMagicEnd);
}

std::string way_back_frame(uint64_t at,
                           const user_regs_struct& registers,
                           const std::vector<char>& vectors,
                           uint64_t signal_mask) {
  const user_regs_struct resumed = resumed_by_hand(registers);
  const uint64_t vectors_at =
      (at + kContextBytes + kVectorsAlignment - 1) / kVectorsAlignment * kVectorsAlignment;
  ucontext_t context = {};
  context.uc_flags = kUcFpXstate | kUcSegments;
  context.uc_stack.ss_flags = kNoSuchStackFlag;  // refused, so the handlers' stack stays as it is
  greg_t* const general = context.uc_mcontext.gregs;
  const auto set = [&](int index, uint64_t value) { general[index] = static_cast<greg_t>(value); };
  set(REG_R8, resumed.r8);
  set(REG_R9, resumed.r9);
  set(REG_R10, resumed.r10);
  set(REG_R11, resumed.r11);
  set(REG_R12, resumed.r12);
  set(REG_R13, resumed.r13);
  set(REG_R14, resumed.r14);
  set(REG_R15, resumed.r15);
  set(REG_RDI, resumed.rdi);
  set(REG_RSI, resumed.rsi);
  set(REG_RBP, resumed.rbp);
  set(REG_RBX, resumed.rbx);
  set(REG_RDX, resumed.rdx);
  set(REG_RAX, resumed.rax);
  set(REG_RCX, resumed.rcx);
  set(REG_RSP, resumed.rsp);
  set(REG_RIP, resumed.rip);
  set(REG_EFL, resumed.eflags);
  // cs, gs, fs and ss share a word, in this order.
  set(REG_CSGSFS, resumed.cs | resumed.ss << 48);
  context.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(vectors_at);
  (void)memcpy(&context.uc_sigmask, &signal_mask, sizeof(signal_mask));

  std::string frame(reinterpret_cast<const char*>(&context), kContextBytes);
  frame.resize(vectors_at - at);
  return frame + vectors_for_frame(vectors);
}

std::optional<ReturnCode> find_return_code(pid_t pid) {
  const auto areas = read_memory_map(pid);
  if (!areas) {
    return {};
  }
  const RemoteMemory memory(pid);
  for (const MappedArea& area : *areas) {
    if (!area.executable || !is_libc_name(name_of(area.path))) {
      continue;
    }
    std::string code(area.end - area.begin, '\0');
    if (!memory.read(area.begin, code.data(), code.size())) {
      continue;
    }
    const size_t signal_return = code.find(kSignalReturn);
    const size_t syscall = code.find(kSyscall);
    if (signal_return != code.npos && syscall != code.npos) {
      return ReturnCode{area.begin + signal_return, area.begin + syscall};
    }
  }
  return {};
}

}  // namespace vtn::attach
