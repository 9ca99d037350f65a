// SPDX-License-Identifier: Apache-2.0
// What the activation kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/activation.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Element (i, j) of x, y, dy and dx is at [i * stride + j]. An output may be one of its inputs, at
// the same stride. Elements between columns and stride are neither read nor written.
//
//   linear  y = x          dx = dy
//   relu    y = max(x, 0)  dx = y > 0 ? dy : 0
struct ActivationShape {
  Activation kind;
  float alpha;
  index_t rows;
  index_t cols;
};

}  // namespace fastdnn::cpu
