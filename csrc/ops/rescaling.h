// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// y = scale * x + offset. y may be x.
struct RescalingArgs {
  ConstMatrixView x;
  MatrixView y;  // shape of x
  float scale = 1.0f;
  float offset = 0.0f;
};

void rescaling(const RescalingArgs& args, Context& context);

namespace cpu {
void rescaling(const RescalingArgs& args, Team& team);
}

namespace cuda {
void rescaling(const RescalingArgs& args, Stream& stream);
}

}  // namespace fastdnn
