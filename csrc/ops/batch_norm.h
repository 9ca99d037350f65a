// SPDX-License-Identifier: Apache-2.0
// Batch normalization over the rows of a matrix (Ioffe and Szegedy 2015), with Keras's conventions.
// Vectors have one element per column. Each member of a team works on columns of its own.
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// mean, variance = those of x's columns, the variance biased
// inv_std = 1 / sqrt(variance + epsilon)
// y = gamma (x - mean) inv_std + beta
// y must not be x, which the backward pass needs. Without rows: mean and variance 0.
struct BatchNormArgs {
  ConstMatrixView x;
  MatrixView y;
  const float* gamma = nullptr;  // null: 1
  const float* beta = nullptr;   // null: 0
  float* mean = nullptr;         // saved for the backward pass
  float* inv_std = nullptr;      // saved for the backward pass
  float* variance = nullptr;     // null: not stored
  float epsilon = 1e-3f;
};

// y = gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta. y may be x.
struct BatchNormInferenceArgs {
  ConstMatrixView x;
  MatrixView y;
  const float* gamma = nullptr;  // null: 1
  const float* beta = nullptr;   // null: 0
  const float* moving_mean = nullptr;
  const float* moving_variance = nullptr;
  float* inv_std = nullptr;  // saved for the backward pass, unless null
  float epsilon = 1e-3f;
};

// With xhat = (x - mean) inv_std and n rows:
//   dgamma = sum of dy xhat    dbeta = sum of dy    (added to what is there if `accumulate`)
//   dx = gamma inv_std (dy - dbeta / n - xhat dgamma / n)   after batch_norm
//   dx = gamma inv_std dy                                   after batch_norm_inference
// dx may be dy; x is the forward pass's input, unchanged.
struct BatchNormBackwardArgs {
  ConstMatrixView x;
  ConstMatrixView dy;
  MatrixView dx;                 // empty: not computed
  const float* gamma = nullptr;  // null: 1
  const float* mean = nullptr;   // of batch_norm, or the moving mean
  const float* inv_std = nullptr;
  float* dgamma = nullptr;  // null: not computed
  float* dbeta = nullptr;   // null: not computed
  bool training = true;     // after batch_norm, not after batch_norm_inference
  bool accumulate = false;
};

void batch_norm(const BatchNormArgs& args, Context& context);
void batch_norm_inference(const BatchNormInferenceArgs& args, Context& context);
void batch_norm_backward(const BatchNormBackwardArgs& args, Context& context);

namespace cpu {
void batch_norm(const BatchNormArgs& args, Team& team);
void batch_norm_inference(const BatchNormInferenceArgs& args, Team& team);
void batch_norm_backward(const BatchNormBackwardArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void batch_norm(const BatchNormArgs& args, Stream& stream);
void batch_norm_inference(const BatchNormInferenceArgs& args, Stream& stream);
void batch_norm_backward(const BatchNormBackwardArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
