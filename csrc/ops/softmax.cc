// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/softmax.h"

namespace fastdnn {

void softmax(const SoftmaxArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::softmax(args, *context.stream);
  cpu::softmax(args, *context.team);
}

void log_softmax(const SoftmaxArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::log_softmax(args, *context.stream);
  cpu::log_softmax(args, *context.team);
}

void softmax_backward(const SoftmaxBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::softmax_backward(args, *context.stream);
  cpu::softmax_backward(args, *context.team);
}

}  // namespace fastdnn
