// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/rescaling.h"

namespace fastdnn {

void rescaling(const RescalingArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::rescaling(args, *context.stream);
  cpu::rescaling(args, *context.team);
}

}  // namespace fastdnn
