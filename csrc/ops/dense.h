// SPDX-License-Identifier: Apache-2.0
// A fully-connected layer, composed of other ops. y = f(x W + b) itself is gemm() with its
// epilogue.
#pragma once

#include "csrc/core/activation.h"
#include "csrc/core/precision.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// With z = x W + b, y = f(z) and rows x in, in x out matrices:
//   dz = dy * f'(saved)    dx = dz W^T    dkernel = x^T dz    dbias = column sums of dz
// `saved` is y, or z where activation_needs_input(f). An empty dx or dkernel and a null dbias are
// not computed. Nothing overlaps. The op waits for the team between its parts.
struct DenseBackwardArgs {
  ConstMatrixView x, kernel, saved, dy;
  Activation activation = Activation::kLinear;
  float activation_alpha = 0.0f;
  MatrixView dz;  // shape of dy
  MatrixView dx, dkernel;
  MatmulPrecision precision = MatmulPrecision::kHighest;
  float* dbias = nullptr;
  float* scratch = nullptr;  // dense_backward_scratch_size() floats, 64-byte aligned
};

index_t dense_backward_scratch_size(const DenseBackwardArgs& args, int threads);
double dense_backward_cost(const DenseBackwardArgs& args);
void dense_backward(const DenseBackwardArgs& args, Context& context);

}  // namespace fastdnn
