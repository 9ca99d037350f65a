// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/batch_norm.h"

namespace fastdnn::cuda {

void batch_norm(const BatchNormArgs&, Stream&) { no_cuda("batch_norm"); }
void batch_norm_inference(const BatchNormInferenceArgs&, Stream&) {
  no_cuda("batch_norm_inference");
}
void batch_norm_backward(const BatchNormBackwardArgs&, Stream&) { no_cuda("batch_norm_backward"); }

}  // namespace fastdnn::cuda
