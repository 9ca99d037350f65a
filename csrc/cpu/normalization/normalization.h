// SPDX-License-Identifier: Apache-2.0
// What the normalization kernel computes. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// With size = max(sqrt(variance), 1e-7) of a column: y = (x - mean) / size, the quotient as a
// product with 1 / size, or, inverted, y = x size + mean. Element (i, j) of x and y is at
// [i * stride + j]; y may be x, at the same stride. Elements between columns and stride are neither
// read nor written.
struct NormalizationTask {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  float* y;
  index_t y_stride;
  const float* mean;  // null: 0
  const float* variance;
  bool invert;
};

}  // namespace fastdnn::cpu
