// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/rescaling.h"

namespace fastdnn::cuda {

void rescaling(const RescalingArgs&, Stream&) { no_cuda("rescaling"); }

}  // namespace fastdnn::cuda
