// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/cpu_features.h"

#include <cstring>

#include "csrc/core/check.h"

#if FASTDNN_X86
#include <cpuid.h>
#endif
#if FASTDNN_X86 && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fastdnn {
namespace {

#if FASTDNN_X86

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

bool bit(unsigned word, int index) { return (word >> index) & 1u; }

// Which register states the operating system saves (XCR0).
unsigned long long enabled_states() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<unsigned long long>(high) << 32) | low;
}

std::string model_name() {
  if (cpuid(0x80000000u).eax < 0x80000004u) return "unknown x86-64";
  char text[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i);
    const unsigned words[4] = {r.eax, r.ebx, r.ecx, r.edx};
    std::memcpy(text + 16 * i, words, sizeof words);
  }
  const std::string name(text);
  const auto first = name.find_first_not_of(' ');
  return first == std::string::npos ? "unknown x86-64" : name.substr(first);
}

CpuFeatures detect() {
  CpuFeatures f;
  f.model = model_name();
  const Registers one = cpuid(1), seven = cpuid(7), seven_one = cpuid(7, 1),
                  ext = cpuid(0x80000001u);
  if (!bit(one.ecx, 27)) return f;  // OSXSAVE: without it XGETBV does not exist
  const unsigned long long states = enabled_states();
  const bool ymm = (states & 0x6) == 0x6;
  const bool zmm = (states & 0xE6) == 0xE6;
  const bool tiles = (states & 0x60000) == 0x60000;
  const bool avx = ymm && bit(one.ecx, 28);
  f.avx2 = avx && bit(seven.ebx, 5) && bit(one.ecx, 12) && bit(one.ecx, 29) && bit(seven.ebx, 3) &&
           bit(seven.ebx, 8) && bit(ext.ecx, 5);
  f.avx512 = f.avx2 && zmm && bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 30) &&
             bit(seven.ebx, 31);
  f.avx512_bf16 = f.avx512 && bit(seven_one.eax, 5);
  f.amx_bf16 = f.avx512 && tiles && bit(seven.edx, 24) && bit(seven.edx, 22);
  return f;
}

#else

CpuFeatures detect() {
  CpuFeatures f;
  f.model = "not x86-64";
  return f;
}

#endif

constexpr IsaLevel kIsaLevels[] = {IsaLevel::kScalar, IsaLevel::kAvx2, IsaLevel::kAvx512,
                                   IsaLevel::kAvx512Bf16, IsaLevel::kAmx};

// The state of tile registers is large, so that a process has to ask for them (Linux 5.16).
bool may_use_tiles() {
#if FASTDNN_X86 && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
#else
  return false;
#endif
}

bool supports(IsaLevel level) {
  switch (level) {
    case IsaLevel::kScalar:
      return true;
    case IsaLevel::kAvx2:
      return cpu_features().avx2;
    case IsaLevel::kAvx512:
      return cpu_features().avx512;
    case IsaLevel::kAvx512Bf16:
      return cpu_features().avx512_bf16;
    case IsaLevel::kAmx:
      return cpu_features().amx_bf16 && may_use_tiles();
  }
  return false;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

const char* isa_name(IsaLevel level) {
  switch (level) {
    case IsaLevel::kScalar:
      return "scalar";
    case IsaLevel::kAvx2:
      return "avx2";
    case IsaLevel::kAvx512:
      return "avx512";
    case IsaLevel::kAvx512Bf16:
      return "avx512_bf16";
    case IsaLevel::kAmx:
      return "amx";
  }
  return "unknown";
}

std::vector<IsaLevel> supported_isa_levels() {
  std::vector<IsaLevel> levels;
  for (IsaLevel level : kIsaLevels) {
    if (supports(level)) levels.push_back(level);
  }
  return levels;
}

IsaLevel parse_isa_level(const std::string& name) {
  for (IsaLevel level : kIsaLevels) {
    if (name == isa_name(level) && supports(level)) return level;
  }
  std::string names;
  for (IsaLevel level : supported_isa_levels()) {
    names += names.empty() ? "'" : ", '";
    names += isa_name(level);
    names += "'";
  }
  fail("isa", "received '", name, "'; this machine supports ", names,
       "; set FASTDNN_ISA to one of them or unset it");
}

}  // namespace fastdnn
