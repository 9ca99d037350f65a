// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/activation.h"

namespace fastdnn::cuda {

void activation(const ActivationArgs&, Stream&) { no_cuda("activation"); }
void activation_backward(const ActivationBackwardArgs&, Stream&) { no_cuda("activation_backward"); }

}  // namespace fastdnn::cuda
