// SPDX-License-Identifier: Apache-2.0
// What the kernels on sparse rows compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/csr_view.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Row i of a batch is row rows[i] of x, for 0 <= i < count: the program's own numbers, in range.
// Somebody may change offsets and columns after they were checked: out of range or order they give
// wrong sums, but touch nothing else.
struct CsrBatch {
  CsrView x;
  const std::int64_t* rows;
  index_t count;
};

//   csr_dense_f32           y(i, j) = sum over k of x(i, k) kernel(k, j) + bias[j]
//                           Each element is the sum of a few chains of fused multiply-adds over the
//                           numbers of a row, taken in turns; how many depends on n alone.
//   csr_dense_gradient_f32  dkernel(k - first, j) += sum over i of x(i, k) dz(i, j) for
//                           first <= k < last, in the order of rows
//   csr_count_below         counts[i] = how many numbers of row i lie in columns before that one

struct CsrDense {
  CsrBatch batch;
  const float* kernel;
  index_t kernel_row;
  index_t n;
  const float* bias;  // n values, or null
  float* y;
  index_t y_row;
};

struct CsrDenseGradient {
  CsrBatch batch;
  index_t first, last;
  // Numbers of each row before `first`, which are raised to those before `last`; or null.
  std::int64_t* done;
  const float* dz;
  index_t dz_row;
  index_t n;
  float* dkernel;
  index_t dkernel_row;
};

}  // namespace fastdnn::cpu
