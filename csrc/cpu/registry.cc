// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/registry.h"

#include <atomic>
#include <cstdlib>

#include "csrc/core/check.h"

namespace fastdnn::cpu {

#define FASTDNN_KERNEL(name, parameters) void name parameters;
namespace scalar {
#include "csrc/cpu/families.inc"
}
#if FASTDNN_X86
namespace avx2 {
#include "csrc/cpu/families.inc"
}
namespace avx512 {
#include "csrc/cpu/families.inc"
}
#undef FASTDNN_KERNEL
#define FASTDNN_KERNEL(name, parameters)
#define FASTDNN_PAIR_KERNEL(name, parameters) void name parameters;
namespace avx512_bf16 {
#include "csrc/cpu/families.inc"
}
#define FASTDNN_TILE_KERNEL(name, parameters) void name parameters;
namespace amx {
#include "csrc/cpu/families.inc"
}
#endif
#undef FASTDNN_KERNEL

namespace {

#define FASTDNN_KERNEL(name, parameters) &scalar::name,
constexpr KernelTable kScalarTable = {
#include "csrc/cpu/families.inc"
};
#undef FASTDNN_KERNEL

#if FASTDNN_X86
#define FASTDNN_KERNEL(name, parameters) &avx2::name,
constexpr KernelTable kAvx2Table = {
#include "csrc/cpu/families.inc"
};
#undef FASTDNN_KERNEL
#define FASTDNN_KERNEL(name, parameters) &avx512::name,
constexpr KernelTable kAvx512Table = {
#include "csrc/cpu/families.inc"
};
#define FASTDNN_PAIR_KERNEL(name, parameters) &avx512_bf16::name,
constexpr KernelTable kAvx512Bf16Table = {
#include "csrc/cpu/families.inc"
};
#define FASTDNN_TILE_KERNEL(name, parameters) &amx::name,
constexpr KernelTable kAmxTable = {
#include "csrc/cpu/families.inc"
};
#undef FASTDNN_KERNEL
#endif

IsaLevel level_at_start() {
  const char* wanted = std::getenv("FASTDNN_ISA");
  if (wanted != nullptr && *wanted != '\0') return parse_isa_level(wanted);
  return supported_isa_levels().back();
}

std::atomic<IsaLevel>& current_level() {
  static std::atomic<IsaLevel> level{level_at_start()};
  return level;
}

}  // namespace

const KernelTable& kernels() {
#if FASTDNN_X86
  switch (isa_level()) {
    case IsaLevel::kAmx:
      return kAmxTable;
    case IsaLevel::kAvx512Bf16:
      return kAvx512Bf16Table;
    case IsaLevel::kAvx512:
      return kAvx512Table;
    case IsaLevel::kAvx2:
      return kAvx2Table;
    case IsaLevel::kScalar:
      break;
  }
#endif
  return kScalarTable;
}

IsaLevel isa_level() { return current_level().load(std::memory_order_relaxed); }

void set_isa_level(IsaLevel level) {
  current_level().store(parse_isa_level(isa_name(level)), std::memory_order_relaxed);
}

std::vector<std::string> kernel_names() {
  return {
#define FASTDNN_KERNEL(name, parameters) #name,
#include "csrc/cpu/families.inc"
#undef FASTDNN_KERNEL
  };
}

}  // namespace fastdnn::cpu
