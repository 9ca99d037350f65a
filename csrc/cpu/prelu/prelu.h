// SPDX-License-Identifier: Apache-2.0
// What the PReLU kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Matrices: element (i, j) at [i * stride + j]; elements between columns and stride are neither
// read nor written. alpha and dalpha have one element per column. Equations: csrc/ops/prelu.h.

// y = x where positive, else alpha x; with dy, dx = dy where x is positive, else alpha dy.
struct PreluTask {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  const float* alpha;
  const float* dy;  // null: forward
  index_t dy_stride;
  float* y;  // y, which may be x, or dx, which may be dy
  index_t y_stride;
};

// dalpha = sum over the rows of x dy where x is not positive, in blocks of rows and an order that
// only their number decides.
struct PreluSlopeTask {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  const float* dy;
  index_t dy_stride;
  float* dalpha;
  bool accumulate;
};

}  // namespace fastdnn::cpu
