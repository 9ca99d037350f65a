// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/softmax.h"

namespace fastdnn::cuda {

void softmax(const SoftmaxArgs&, Stream&) { no_cuda("softmax"); }
void log_softmax(const SoftmaxArgs&, Stream&) { no_cuda("log_softmax"); }
void softmax_backward(const SoftmaxBackwardArgs&, Stream&) { no_cuda("softmax_backward"); }

}  // namespace fastdnn::cuda
