// SPDX-License-Identifier: Apache-2.0
// Splits the flat arrays into chunks; each member of the team updates a run of whole chunks.
#include "csrc/ops/optimizer.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// 4 KiB of each array, so that no two members write to the same cache line.
constexpr index_t kChunk = 1024;

}  // namespace

void optimizer_update(const OptimizerUpdateArgs& args, Team& team) {
  const Range chunks = team.share(ceil_div(args.size, kChunk));
  const index_t begin = chunks.begin * kChunk;
  const index_t end = std::min(chunks.end * kChunk, args.size);
  if (begin >= end) return;
  float* slots[kMaxOptimizerSlots];
  offset_slots(args.slots, begin, slots);
  const index_t count = end - begin;
  kernels().optimizer_update_f32(args.step, args.weights + begin, slots, count,
                                 args.gradient + begin, count, 1, count);
}

}  // namespace fastdnn::cpu
