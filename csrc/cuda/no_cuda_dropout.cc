// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/dropout.h"

namespace fastdnn::cuda {

void dropout(const DropoutArgs&, Stream&) { no_cuda("dropout"); }
void dropout_backward(const DropoutBackwardArgs&, Stream&) { no_cuda("dropout_backward"); }
void alpha_dropout(const AlphaDropoutArgs&, Stream&) { no_cuda("alpha_dropout"); }
void alpha_dropout_backward(const AlphaDropoutBackwardArgs&, Stream&) {
  no_cuda("alpha_dropout_backward");
}

}  // namespace fastdnn::cuda
