// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// softmax: y = e^x / sum e^x over each row; log_softmax: its logarithm. y may be x. Exact formulas
// and rows with Inf or NaN: csrc/cpu/softmax/softmax.h.
struct SoftmaxArgs {
  ConstMatrixView x;
  MatrixView y;  // shape of x
};

// dx = y (dy - sum dy y) over each row, from the output y of softmax. dx may be dy or y.
struct SoftmaxBackwardArgs {
  ConstMatrixView y;
  ConstMatrixView dy;
  MatrixView dx;
};

void softmax(const SoftmaxArgs& args, Context& context);
void log_softmax(const SoftmaxArgs& args, Context& context);
void softmax_backward(const SoftmaxBackwardArgs& args, Context& context);

namespace cpu {
void softmax(const SoftmaxArgs& args, Team& team);
void log_softmax(const SoftmaxArgs& args, Team& team);
void softmax_backward(const SoftmaxBackwardArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void softmax(const SoftmaxArgs& args, Stream& stream);
void log_softmax(const SoftmaxArgs& args, Stream& stream);
void softmax_backward(const SoftmaxBackwardArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
