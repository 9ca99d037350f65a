// SPDX-License-Identifier: Apache-2.0
// What the batch normalization kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Matrices: element (i, j) at [i * stride + j]; elements between columns and stride are neither
// read nor written. Everything else: one element per column. A column's results depend on that
// column alone, summed in blocks of rows in an order that only the number of rows decides.
// Equations: csrc/ops/batch_norm.h.

struct BatchNormTraining {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  float* y;
  index_t y_stride;
  const float* gamma;  // null: 1
  const float* beta;   // null: 0
  float* mean;
  float* inv_std;
  float* variance;  // null: not stored
  float epsilon;
};

struct BatchNormInference {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  float* y;
  index_t y_stride;
  const float* gamma;  // null: 1
  const float* beta;   // null: 0
  const float* mean;
  const float* variance;
  float* inv_std;  // null: not stored
  float epsilon;
};

struct BatchNormGradient {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  const float* dy;
  index_t dy_stride;
  float* dx;  // null: not computed; may be dy
  index_t dx_stride;
  const float* gamma;  // null: 1
  const float* mean;
  const float* inv_std;
  float* dgamma;  // null: not computed
  float* dbeta;   // null: not computed
  bool training;  // mean and inv_std are those of x
  bool accumulate;
};

}  // namespace fastdnn::cpu
