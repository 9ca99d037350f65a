// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// Element-wise activations. Formulas and what the backward pass needs:
// csrc/cpu/activation/activation.h.
enum class Activation : int {
  kLinear,
  kRelu,
};

}  // namespace fastdnn
