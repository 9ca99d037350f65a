// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/prelu.h"

namespace fastdnn {

void prelu(const PreluArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::prelu(args, *context.stream);
  cpu::prelu(args, *context.team);
}

void prelu_backward(const PreluBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::prelu_backward(args, *context.stream);
  cpu::prelu_backward(args, *context.team);
}

void prelu_slope(const PreluSlopeArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::prelu_slope(args, *context.stream);
  cpu::prelu_slope(args, *context.team);
}

}  // namespace fastdnn
