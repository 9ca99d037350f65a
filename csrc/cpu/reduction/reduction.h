// SPDX-License-Identifier: Apache-2.0
// What the reduction kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/reduction.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Element (i, j) of x is at [i * stride + j]; elements between columns and stride are not read.
//
//   column_sums_f32  sums[j] = sum over i of x(i, j), added to sums[j] if `accumulate`.
//                    float32: blocks of 64 rows, combined pairwise, so that the error grows with
//                    the logarithm of the number of rows. The order depends on `rows` alone.
//   row_sums_f32     sums[i] = sum over j of x(i, j), in float64, rounded once.
//   reduce_f32       *result = the reduction of x[0 .. size), in float64.

}  // namespace fastdnn::cpu
