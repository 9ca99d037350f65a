// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/combine.h"

namespace fastdnn {

void combine(const CombineArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::combine(args, *context.stream);
  cpu::combine(args, *context.team);
}

}  // namespace fastdnn
