// SPDX-License-Identifier: Apache-2.0
// What the layer normalization kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Matrices: element (i, j) at [i * stride + j]; elements between columns and stride are neither
// read nor written. gamma, beta and their gradients: one element per column. Equations:
// csrc/ops/layer_norm.h.

// A row's statistics, which the backward pass reads. float32 cannot hold the mean of a row far from
// zero: kRest is what kMean leaves out.
enum LayerNormStatistic { kMean, kRest, kInvStd, kLayerNormStatistics };

struct LayerNormForward {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  float* y;
  index_t y_stride;
  const float* gamma;  // null: 1
  const float* beta;   // null: 0
  float* statistics;   // null: not stored
  index_t statistics_stride;
  float epsilon;
};

struct LayerNormGradient {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  const float* dy;
  index_t dy_stride;
  float* dx;  // may be dy
  index_t dx_stride;
  const float* gamma;  // null: 1
  const float* statistics;
  index_t statistics_stride;
};

// Summed over the rows in blocks, in an order that only their number decides.
struct LayerNormParameterGradient {
  index_t rows, cols;
  const float* x;
  index_t x_stride;
  const float* dy;
  index_t dy_stride;
  const float* statistics;
  index_t statistics_stride;
  float* dgamma;  // null: not computed
  float* dbeta;   // null: not computed
  bool accumulate_gamma, accumulate_beta;
};

}  // namespace fastdnn::cpu
