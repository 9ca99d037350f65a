// SPDX-License-Identifier: Apache-2.0
// Splits the flat arrays into chunks; each member of the team updates a run of whole chunks.
#include "csrc/ops/optimizer.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// 4 KiB of each array, so that no two members write to the same cache line.
constexpr index_t kChunk = 1024;

// The elements of this member.
Range share_of(index_t size, Team& team) {
  const Range chunks = team.share(ceil_div(size, kChunk));
  return {std::min(chunks.begin * kChunk, size), std::min(chunks.end * kChunk, size)};
}

}  // namespace

void optimizer_update(const OptimizerUpdateArgs& args, Team& team) {
  const Range mine = share_of(args.size, team);
  if (mine.empty()) return;
  float* slots[kMaxOptimizerSlots];
  offset_slots(args.slots, mine.begin, slots);
  kernels().optimizer_update_f32(args.step, args.weights + mine.begin, slots, mine.size(),
                                 args.gradient + mine.begin, mine.size(), 1, mine.size());
}

void penalty_gradient(const PenaltyGradientArgs& args, Team& team) {
  const Range mine = share_of(args.size, team);
  if (mine.empty()) return;
  kernels().penalty_gradient_f32(args.weights + mine.begin, args.gradient + mine.begin, mine.size(),
                                 args.penalty.l1, 2.0f * args.penalty.l2);
}

void moving_average(const MovingAverageArgs& args, Team& team) {
  const Range mine = share_of(args.size, team);
  if (mine.empty()) return;
  kernels().moving_average_f32(args.average + mine.begin, args.values + mine.begin, mine.size(),
                               static_cast<float>(args.momentum),
                               static_cast<float>(1.0 - args.momentum), args.overwrites);
}

}  // namespace fastdnn::cpu
