// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/layer_norm.h"

namespace fastdnn::cuda {

void layer_norm(const LayerNormArgs&, Stream&) { no_cuda("layer_norm"); }
void layer_norm_backward(const LayerNormBackwardArgs&, Stream&) { no_cuda("layer_norm_backward"); }
void layer_norm_parameters(const LayerNormParametersArgs&, Stream&) {
  no_cuda("layer_norm_parameters");
}

}  // namespace fastdnn::cuda
