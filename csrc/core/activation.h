// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// Element-wise activations. Formulas and what the backward pass needs:
// csrc/cpu/activation/activation.h.
enum class Activation : int {
  kLinear,
  kRelu,
  kLeakyRelu,
  kElu,
  kSelu,
  kSigmoid,
  kTanh,
  kSoftplus,
  kSoftsign,
  kGelu,
  kGeluTanh,
  kSilu,
  kMish,
  kHardSigmoid,
  kHardTanh,
  kRelu6,
  kExponential,
};

}  // namespace fastdnn
