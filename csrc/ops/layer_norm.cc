// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/layer_norm.h"

namespace fastdnn {

void layer_norm(const LayerNormArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::layer_norm(args, *context.stream);
  cpu::layer_norm(args, *context.team);
}

void layer_norm_backward(const LayerNormBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::layer_norm_backward(args, *context.stream);
  cpu::layer_norm_backward(args, *context.team);
}

void layer_norm_parameters(const LayerNormParametersArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::layer_norm_parameters(args, *context.stream);
  cpu::layer_norm_parameters(args, *context.team);
}

}  // namespace fastdnn
