// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// y = (x - mean) / max(sqrt(variance), 1e-7), or, inverted, y = x max(sqrt(variance), 1e-7) + mean,
// with one mean and variance per column, as Keras's Normalization has it. y may be x. Without mean
// it is its own derivative: dx from dy.
struct NormalizationArgs {
  ConstMatrixView x;
  MatrixView y;                 // shape of x
  const float* mean = nullptr;  // null: 0
  const float* variance = nullptr;
  bool invert = false;
};

void normalization(const NormalizationArgs& args, Context& context);

namespace cpu {
void normalization(const NormalizationArgs& args, Team& team);
}

namespace cuda {
void normalization(const NormalizationArgs& args, Stream& stream);
}

}  // namespace fastdnn
