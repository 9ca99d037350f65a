// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "csrc/core/activation.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// y = f(x), element by element. y may be x. Formulas: csrc/cpu/activation/activation.h.
struct ActivationArgs {
  Activation kind = Activation::kLinear;
  float alpha = 0.0f;  // from activation_alpha
  ConstMatrixView x;
  MatrixView y;  // shape of x
};

// dx = dy * f'(.), from the output y of the forward pass, or from its input x where
// activation_needs_input(kind). dx may be dy or saved.
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

// The default parameter of an activation, 0 where it has none.
double activation_default_alpha(Activation kind);

// The parameter of the function: `alpha`, or Keras's default if it is absent. Throws
// InvalidArgument if the function has none, or unless alpha >= 0, without which the sign of y would
// not tell the branch taken.
float activation_alpha(Activation kind, std::optional<float> alpha);

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
