// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "csrc/core/activation.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// y = f(x), element by element. y may be x.
struct ActivationArgs {
  Activation kind = Activation::kLinear;
  float alpha = 0.0f;  // slope or scale, where the function has one
  ConstMatrixView x;
  MatrixView y;  // shape of x
};

// dx = dy * f'(.), from the output y of the forward pass, or from its input x where
// activation_needs_input(kind). dx may be dy.
struct ActivationBackwardArgs {
  Activation kind = Activation::kLinear;
  float alpha = 0.0f;
  ConstMatrixView saved;  // y or x
  ConstMatrixView dy;
  MatrixView dx;
};

bool activation_needs_input(Activation kind);
const char* activation_name(Activation kind);
// Throws InvalidArgument that lists the valid names.
Activation parse_activation(const std::string& name);

void activation(const ActivationArgs& args, Context& context);
void activation_backward(const ActivationBackwardArgs& args, Context& context);

namespace cpu {
void activation(const ActivationArgs& args, Team& team);
void activation_backward(const ActivationBackwardArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void activation(const ActivationArgs& args, Stream& stream);
void activation_backward(const ActivationBackwardArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
