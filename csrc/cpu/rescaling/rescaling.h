// SPDX-License-Identifier: Apache-2.0
// What the rescaling kernel computes. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// y = scale * x + offset. Element (i, j) of x and y is at [i * stride + j]; y may be x, at the same
// stride. Elements between columns and stride are neither read nor written.
struct RescalingShape {
  float scale, offset;
  index_t rows, cols;
};

}  // namespace fastdnn::cpu
