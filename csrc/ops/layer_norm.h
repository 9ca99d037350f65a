// SPDX-License-Identifier: Apache-2.0
// Layer normalization: every row of a matrix by itself (Ba, Kiros and Hinton 2016), with Keras's
// conventions. gamma and beta have one element per column.
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// Columns of a matrix of statistics: the mean as float32 holds it, what that leaves out, inv_std.
inline constexpr index_t kLayerNormStatisticCount = 3;

// mean, variance = those of a row, the variance biased
// inv_std = 1 / sqrt(variance + epsilon)
// y = gamma (x - mean) inv_std + beta
// y may be x where no backward pass needs it.
struct LayerNormArgs {
  ConstMatrixView x;
  MatrixView y;
  const float* gamma = nullptr;  // null: 1
  const float* beta = nullptr;   // null: 0
  MatrixView statistics;         // saved for the backward pass, a row for every row; empty: not
  float epsilon = 1e-3f;
};

// With xhat = (x - mean) inv_std, g = gamma dy and means over the row:
//   dx = inv_std (g - mean(g) - xhat mean(g xhat))
// dx may be dy; x is the forward pass's input, unchanged.
struct LayerNormBackwardArgs {
  ConstMatrixView x;
  ConstMatrixView dy;
  MatrixView dx;
  const float* gamma = nullptr;  // null: 1
  ConstMatrixView statistics;
};

// dgamma = sum over the rows of dy xhat, dbeta = sum of dy, added to what is there if wanted. The
// order of additions depends on the number of rows alone.
struct LayerNormParametersArgs {
  ConstMatrixView x;
  ConstMatrixView dy;
  ConstMatrixView statistics;
  float* dgamma = nullptr;  // null: not computed
  float* dbeta = nullptr;   // null: not computed
  bool accumulate_gamma = false;
  bool accumulate_beta = false;
};

void layer_norm(const LayerNormArgs& args, Context& context);
void layer_norm_backward(const LayerNormBackwardArgs& args, Context& context);
void layer_norm_parameters(const LayerNormParametersArgs& args, Context& context);

namespace cpu {
void layer_norm(const LayerNormArgs& args, Team& team);
void layer_norm_backward(const LayerNormBackwardArgs& args, Team& team);
void layer_norm_parameters(const LayerNormParametersArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void layer_norm(const LayerNormArgs& args, Stream& stream);
void layer_norm_backward(const LayerNormBackwardArgs& args, Stream& stream);
void layer_norm_parameters(const LayerNormParametersArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
