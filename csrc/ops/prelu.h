// SPDX-License-Identifier: Apache-2.0
// ReLU with a learned slope below zero for every column (He et al. 2015, "Delving deep into
// rectifiers").
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// y = x where x > 0, else alpha x. y may be x where no backward pass needs it.
struct PreluArgs {
  ConstMatrixView x;
  MatrixView y;
  const float* alpha = nullptr;
};

// dx = dy where x > 0, else alpha dy. dx may be dy; x is the forward pass's input, unchanged.
struct PreluBackwardArgs {
  ConstMatrixView x;
  ConstMatrixView dy;
  MatrixView dx;
  const float* alpha = nullptr;
};

// dalpha = sum over the rows of x dy where x is not positive, added to what is there if
// `accumulate`. The order of additions depends on the number of rows alone.
struct PreluSlopeArgs {
  ConstMatrixView x;
  ConstMatrixView dy;
  float* dalpha = nullptr;
  bool accumulate = false;
};

void prelu(const PreluArgs& args, Context& context);
void prelu_backward(const PreluBackwardArgs& args, Context& context);
void prelu_slope(const PreluSlopeArgs& args, Context& context);

namespace cpu {
void prelu(const PreluArgs& args, Team& team);
void prelu_backward(const PreluBackwardArgs& args, Team& team);
void prelu_slope(const PreluSlopeArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void prelu(const PreluArgs& args, Stream& stream);
void prelu_backward(const PreluBackwardArgs& args, Stream& stream);
void prelu_slope(const PreluSlopeArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
