// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/optimizer.h"

namespace fastdnn::cuda {

void optimizer_update(const OptimizerUpdateArgs&, Stream&) { no_cuda("optimizer_update"); }
void penalty_gradient(const PenaltyGradientArgs&, Stream&) { no_cuda("penalty_gradient"); }
void moving_average(const MovingAverageArgs&, Stream&) { no_cuda("moving_average"); }

}  // namespace fastdnn::cuda
