// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/dropout.h"

#include "csrc/core/check.h"

namespace fastdnn {

void check_dropout_rate(const char* op, float rate) {
  check(rate >= 0.0f && rate < 1.0f && dropped_share(rate) < 1.0, op, "rate: received ", rate,
        "; expected the share to drop, at least 0 and below 1 when rounded to a multiple of 2^-16");
}

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
