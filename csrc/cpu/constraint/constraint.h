// SPDX-License-Identifier: Apache-2.0
// What the constraint kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/constraint.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// In place; element (i, j) of w is at [i * stride + j], and elements between columns and stride are
// neither read nor written. NaN stays NaN.
//
//   non_negative_f32   w = max(w, 0)
//   column_norms_f32   of every column: n = sqrt(sum w^2);
//                      w *= (rate clip(n, least, most) + (1 - rate) n) / (1e-7 + n)
//                      float32: blocks of 64 rows, added up in their order, which depends on `rows`
//                      alone.
//   row_norms_f32      of every row the same; partial sums are added up in float64.

// Keras's epsilon.
inline constexpr float kNormEpsilon = 1e-7f;

}  // namespace fastdnn::cpu
