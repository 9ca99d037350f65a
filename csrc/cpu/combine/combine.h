// SPDX-License-Identifier: Apache-2.0
// What the combining kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Element (i, j) of x, y and z is at [i * stride + j]; z may be x or y, at the same stride.
// Elements between columns and stride are neither read nor written.
//
//   add_f32       z = x + y
//   multiply_f32  z = x * y
struct CombineShape {
  index_t rows, cols, x_stride, y_stride, z_stride;
};

}  // namespace fastdnn::cpu
