// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/precision.h"

#include <atomic>

#include "csrc/ops/named_kinds.h"

namespace fastdnn {
namespace {

struct Entry {
  MatmulPrecision kind;
  const char* name;
};

constexpr Entry kPrecisions[] = {{MatmulPrecision::kHighest, "highest"},
                                 {MatmulPrecision::kHigh, "high"},
                                 {MatmulPrecision::kMedium, "medium"}};

std::atomic<MatmulPrecision> in_force{MatmulPrecision::kHighest};

}  // namespace

const char* precision_name(MatmulPrecision precision) {
  return entry_of("precision", kPrecisions, precision).name;
}

MatmulPrecision parse_precision(const std::string& name) {
  return parse_kind("precision", kPrecisions, name);
}

MatmulPrecision matmul_precision() { return in_force.load(std::memory_order_relaxed); }

void set_matmul_precision(MatmulPrecision precision) {
  in_force.store(precision, std::memory_order_relaxed);
}

}  // namespace fastdnn
