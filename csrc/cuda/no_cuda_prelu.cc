// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/prelu.h"

namespace fastdnn::cuda {

void prelu(const PreluArgs&, Stream&) { no_cuda("prelu"); }
void prelu_backward(const PreluBackwardArgs&, Stream&) { no_cuda("prelu_backward"); }
void prelu_slope(const PreluSlopeArgs&, Stream&) { no_cuda("prelu_slope"); }

}  // namespace fastdnn::cuda
