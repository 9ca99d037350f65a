// SPDX-License-Identifier: Apache-2.0
// What losses of probabilities share. Included after a simd header.
#pragma once

#include "csrc/cpu/simd/math.h"

namespace fastdnn::cpu {
namespace {

// Keras's epsilon, which keeps numbers away from 0.
constexpr float kEpsilon = 1e-7f;
constexpr float kHighestProbability = 1.0f - kEpsilon;

// Keeps NaN.
inline F32 clip(F32 x, float lowest, float highest) {
  return max(set1(lowest), min(set1(highest), x));
}

inline Mask is_inside(F32 x, float lowest, float highest) {
  return (x >= set1(lowest)) & (x <= set1(highest));
}

inline F32 clip_probability(F32 p) { return clip(p, kEpsilon, kHighestProbability); }
inline Mask is_inside(F32 p) { return is_inside(p, kEpsilon, kHighestProbability); }

// The slope where a loss is flat: NaN is no such place.
inline F32 zero_or_nan(F32 x) { return select(is_nan(x), x, zero()); }

// u^gamma for u in [0, 1]. A power of so small a number as replaces 0 vanishes beside what it
// multiplies.
struct Focus {
  static constexpr float kLowest = 0x1p-126f;
  F32 gamma;
  F32 operator()(F32 u) const { return exp(gamma * log(u)); }
};

}  // namespace
}  // namespace fastdnn::cpu
