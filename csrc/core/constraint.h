// SPDX-License-Identifier: Apache-2.0
// Plain types only, no STL: kernels of every device include it.
#pragma once

namespace fastdnn {

// What weights are changed to after a step. A norm n of the weights along an axis becomes
// rate * clip(n, least, most) + (1 - rate) * n.
struct Constraint {
  enum class Kind : int { kNone, kNonNegative, kColumnNorms, kRowNorms };
  Kind kind = Kind::kNone;
  float least = 0.0f;
  float most = 0.0f;
  float rate = 1.0f;
  explicit operator bool() const { return kind != Kind::kNone; }
};

}  // namespace fastdnn
