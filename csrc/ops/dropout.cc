// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/dropout.h"

namespace fastdnn {

void dropout(const DropoutArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::dropout(args, *context.stream);
  cpu::dropout(args, *context.team);
}

void dropout_backward(const DropoutBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::dropout_backward(args, *context.stream);
  cpu::dropout_backward(args, *context.team);
}

void alpha_dropout(const AlphaDropoutArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::alpha_dropout(args, *context.stream);
  cpu::alpha_dropout(args, *context.team);
}

void alpha_dropout_backward(const AlphaDropoutBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::alpha_dropout_backward(args, *context.stream);
  cpu::alpha_dropout_backward(args, *context.team);
}

}  // namespace fastdnn
