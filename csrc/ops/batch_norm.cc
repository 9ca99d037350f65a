// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/batch_norm.h"

namespace fastdnn {

void batch_norm(const BatchNormArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::batch_norm(args, *context.stream);
  cpu::batch_norm(args, *context.team);
}

void batch_norm_inference(const BatchNormInferenceArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::batch_norm_inference(args, *context.stream);
  cpu::batch_norm_inference(args, *context.team);
}

void batch_norm_backward(const BatchNormBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::batch_norm_backward(args, *context.stream);
  cpu::batch_norm_backward(args, *context.team);
}

}  // namespace fastdnn
