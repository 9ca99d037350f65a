// SPDX-License-Identifier: Apache-2.0
// What the softmax kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Element (i, j) of x, y, dy and dx is at [i * stride + j]. An output may be one of its inputs, at
// the same stride. Elements between columns and stride are neither read nor written.
//
//   softmax           y = e^(x - m) / sum e^(x - m), m the row's maximum
//   log_softmax       y = x - m - log(sum e^(x - m)), keeping the small logarithm of a sum near 1
//   softmax_backward  dx = y (dy - sum dy y)
//
// Sums are float32 over 64 vectors and float64 beyond. As these formulas have it, a row with a NaN
// or a +Inf, or of -Inf alone, becomes NaN; other -Inf have probability 0.
struct SoftmaxShape {
  index_t rows;
  index_t cols;
};

}  // namespace fastdnn::cpu
